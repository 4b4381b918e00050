/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program never sees how it was loaded: LD_PRELOAD and SPORK_RUN are taken out of its environment at the start
 * and put back when it starts another program.
 *
 *   SPORK_RUN=MODE,FLAGS,MIN_RSS,RUN,CACHE     e.g. 0,1,16777216,4711-x7Qz,/home/a/.cache/spork
 *
 * FLAGS: 1 count, 2 catch raw forks.
 *
 * An even number of entries is always hidden (SPORK_PAD makes up for an LD_PRELOAD of the user's, which stays): the
 * two free slots after the environment read as an AT_IGNORE pair to programs that look for the auxiliary vector
 * there.
 */
#include <elf.h>
#include <stddef.h>

#include "runtime.h"
#include "text.h"

static const char preload_name[] = "LD_PRELOAD=";
static const char run_name[] = "SPORK_RUN=";
static const char pad_entry[] = "SPORK_PAD=";

#define NAME_LENGTH(name) (sizeof(name) - 1)
#define FIRST_WORD "libspork.so"

struct configuration spork_configuration;

const char *spork_library_path(void)
{
	return spork_configuration.preload + NAME_LENGTH(preload_name);
}

static bool keep(char *buffer, size_t capacity, const char *text, size_t length)
{
	if (length >= capacity)
		return false;
	for (size_t i = 0; i < length; i++)
		buffer[i] = text[i];
	buffer[length] = '\0';
	return true;
}

static bool parse(struct configuration *configuration)
{
	const char *at = configuration->entry + NAME_LENGTH(run_name);
	uint64_t mode, statistics;

	at = text_number(at, &mode);
	if (!at || *at != ',' || mode > SPORK_MODE_SHARED)
		return false;
	at = text_number(at + 1, &statistics);
	if (!at || *at != ',' || statistics > 3)
		return false;
	at = text_number(at + 1, &configuration->min_rss);
	if (!at || *at != ',')
		return false;
	configuration->mode = (uint8_t)mode;
	configuration->statistics = statistics & 1;
	configuration->trap = statistics & 2;
	configuration->run = ++at;
	while (*at && *at != ',')
		at++;
	configuration->run_length = (size_t)(at - configuration->run);
	if (*at != ',' || at[1] != '/')
		return false;
	configuration->cache = at + 1;
	return true;
}

/* Length of our part at the start of a value of LD_PRELOAD, 0 = it is not there. */
static size_t own_part(const char *value)
{
	size_t length = 0;
	size_t base = 0;

	for (; value[length] && value[length] != ':' && value[length] != ' '; length++) {
		if (value[length] == '/')
			base = length + 1;
	}
	return length - base == NAME_LENGTH(FIRST_WORD) && text_starts(value + base, FIRST_WORD)
		       ? length
		       : 0;
}

static void blank(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((volatile char *)text)[i] = '\0';
}

static size_t length_of(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

/* Returns what remains of the entry: NULL when nothing does. */
static char *take_preload(char *entry)
{
	char *value = entry + NAME_LENGTH(preload_name);
	size_t own = own_part(value);

	if (own == 0)
		return entry;
	if (!spork_configuration.preload[0] &&
		!keep(spork_configuration.preload, SPORK_PRELOAD_BYTES, entry,
			NAME_LENGTH(preload_name) + own))
		return entry;
	if (value[own] == '\0') {
		blank(entry, NAME_LENGTH(preload_name) + own);
		return NULL;
	}
	/* The name moves up to the user's part, so that the text stays one piece. */
	for (size_t i = NAME_LENGTH(preload_name); i-- > 0;)
		entry[own + 1 + i] = entry[i];
	blank(entry, own + 1);
	return entry + own + 1;
}

void spork_environment_take(char **envp)
{
	char **from = envp, **to = envp;

	for (; *from; from++) {
		char *entry = *from;

		if (entry[0] == 'S' && text_starts(entry, run_name)) {
			size_t length = length_of(entry);

			if (keep(spork_configuration.entry, SPORK_RUN_BYTES, entry, length)) {
				blank(entry, length);
				continue;
			}
		} else if (entry[0] == 'S' && text_equal(entry, pad_entry)) {
			blank(entry, NAME_LENGTH(pad_entry));
			continue;
		} else if (entry[0] == 'L' && text_starts(entry, preload_name)) {
			entry = take_preload(entry);
			if (!entry)
				continue;
		}
		/* Unchanged slots are not written: their page may still be shared. */
		if (*to != entry)
			*to = entry;
		to++;
	}
	if (from - to >= 1)
		*to++ = NULL;
	while (to + 1 <= from) {
		*to++ = (char *)AT_IGNORE;
		if (to <= from)
			*to++ = NULL;
	}
	spork_configuration.active = spork_configuration.preload[0] &&
				     spork_configuration.entry[0] && parse(&spork_configuration);
}

SPORK_FAST size_t spork_environment_room(char *const *envp)
{
	size_t count = 0;

	if (envp) {
		while (envp[count] && count <= SPORK_ENVIRONMENT_MAX)
			count++;
	}
	return count <= SPORK_ENVIRONMENT_MAX ? count + 3 : 0;
}

SPORK_START char *const *spork_environment_put(char *const *envp, char **list, char *text)
{
	size_t count = 0, at = 0, start;
	bool found = false;

	for (; envp && envp[count]; count++) {
		/* @list may be @envp. */
		const char *entry = envp[count];

		list[count] = envp[count];
		if (entry[0] != 'L' || !text_starts(entry, preload_name))
			continue;
		/* The program's own libraries come after ours. */
		start = at;
		at = text_append(text, SPORK_TEXT_BYTES, at, spork_configuration.preload);
		at = text_append(text, SPORK_TEXT_BYTES, at, ":");
		at = text_append(text, SPORK_TEXT_BYTES, at, entry + NAME_LENGTH(preload_name));
		if (at + 2 >= SPORK_TEXT_BYTES)
			return envp;
		list[count] = text + start;
		at++;
		found = true;
	}
	list[count++] = found ? (char *)pad_entry : spork_configuration.preload;
	list[count++] = spork_configuration.entry;
	list[count] = NULL;
	return list;
}
