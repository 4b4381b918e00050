/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs a fuzz target without libFuzzer, the same inputs every time: each file of a corpus folder as it is, cut at
 * every byte, with bits flipped, and with 2,000 random mutations. Usage: replay CORPUS; HB_SEED varies the mutations.
 *
 * Not thread-safe: a program of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/rng.h>

#include "fuzz.h"

#define FILES_MAX 1000
#define FILE_BYTES_MAX 65536
#define MUTATIONS_PER_FILE 2000
#define CHANGES_MAX 8
/* Longer files are cut and flipped at this many places, evenly spread. */
#define PLACES_MAX 4096

struct input {
	char name[256];
	uint8_t *bytes;
	size_t size;
};

static struct input inputs[FILES_MAX];
static size_t input_count;
static uint64_t runs;

/* What runs now, for the message of a crash: kept ready as text since signal handlers must not format. */
static char current[400];

static void on_crash(int signal_number)
{
	(void)!write(STDERR_FILENO, current, strlen(current));
	(void)signal(signal_number, SIG_DFL);
	(void)raise(signal_number);
}

/* Sanitizers end the process themselves: they call this where they are linked. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void on_death(void)
{
	(void)!write(STDERR_FILENO, current, strlen(current));
}

static void catch_crashes(void)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(on_death);
		return;
	}
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], on_crash);
}

/* Run one input from memory of exactly its size, so that sanitizers see a read behind its end. */
static void run(const struct input *from, const char *how, uint64_t number, const uint8_t *bytes,
	size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		exit(1);
	if (size)
		memcpy(copy, bytes, size);
	(void)snprintf(current, sizeof(current), "replay: crashed on %s, %s %" PRIu64 "\n",
		from->name, how, number);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

static void run_cut_and_flipped(struct input *input)
{
	size_t cut_step = input->size / PLACES_MAX + 1;
	size_t flip_step = input->size * 8 / PLACES_MAX + 1;

	for (size_t length = 0; length < input->size; length += cut_step)
		run(input, "cut at byte", length, input->bytes, length);
	for (size_t bit = 0; bit < input->size * 8; bit += flip_step) {
		uint8_t mask = (uint8_t)(1u << (bit % 8));

		input->bytes[bit / 8] ^= mask;
		run(input, "flipped bit", bit, input->bytes, input->size);
		input->bytes[bit / 8] ^= mask;
	}
}

/* Change @bytes in one random way. Returns the new size, at most FILE_BYTES_MAX. */
static size_t change(struct hb_rng *rng, uint8_t *bytes, size_t size)
{
	static const uint8_t edges[] = {
		0, 1, 0x7f, 0x80, 0xff, '"', ',', '\n', '\r', '{', '[', '0', '-'};
	size_t at = hb_rng_below(rng, size + 1);
	size_t length = 1 + hb_rng_below(rng, 1 + hb_rng_below(rng, 32));
	const struct input *other = &inputs[hb_rng_below(rng, input_count)];
	size_t from;

	if (length > size - at)
		length = size - at;
	switch (hb_rng_below(rng, 5)) {
	case 0: /* another byte */
		if (at < size)
			bytes[at] = (uint8_t)hb_rng_u64(rng);
		return size;
	case 1: /* a byte that parsers care about */
		if (at < size)
			bytes[at] = edges[hb_rng_below(rng, sizeof(edges))];
		return size;
	case 2: /* leave out */
		memmove(bytes + at, bytes + at + length, size - at - length);
		return size - length;
	case 3: /* repeat */
		if (size + length > FILE_BYTES_MAX)
			return size;
		memmove(bytes + at + length, bytes + at, size - at);
		return size + length;
	default: /* overwrite with a piece of another file */
		if (other->size == 0)
			return size;
		from = hb_rng_below(rng, other->size);
		if (length > other->size - from)
			length = other->size - from;
		memmove(bytes + at, other->bytes + from, length);
		return size;
	}
}

static void run_mutated(const struct input *input, uint64_t seed, uint64_t stream)
{
	static uint8_t bytes[FILE_BYTES_MAX];
	struct hb_rng rng;

	hb_rng_init(&rng, seed, stream);
	for (uint64_t i = 0; i < MUTATIONS_PER_FILE; i++) {
		size_t size = input->size;

		memcpy(bytes, input->bytes, size);
		for (uint64_t left = 1 + hb_rng_below(&rng, CHANGES_MAX); left > 0; left--)
			size = change(&rng, bytes, size);
		run(input, "mutation", i, bytes, size);
	}
}

static bool read_input(const char *folder, const char *name)
{
	struct input *input = &inputs[input_count];
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)snprintf(input->name, sizeof(input->name), "%s", name);
	file = fopen(path, "rbe");
	input->bytes = malloc(FILE_BYTES_MAX);
	if (!file || !input->bytes) {
		(void)fprintf(stderr, "replay: %s: cannot read: %s\n", path, strerror(errno));
		return false;
	}
	input->size = fread(input->bytes, 1, FILE_BYTES_MAX, file);
	input_count++;
	return fclose(file) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

/* Folders list their files in any order; the mutations must not depend on it. */
static bool read_corpus(const char *folder)
{
	DIR *listing = opendir(folder);
	struct dirent *entry;

	if (!listing) {
		(void)fprintf(stderr, "replay: %s: cannot open: %s\n", folder, strerror(errno));
		return false;
	}
	while ((entry = readdir(listing)) && input_count < FILES_MAX) {
		if (entry->d_name[0] != '.' && !read_input(folder, entry->d_name))
			return false;
	}
	(void)closedir(listing);
	if (input_count == 0)
		(void)fprintf(stderr, "replay: %s: there is no input in it\n", folder);
	qsort(inputs, input_count, sizeof(inputs[0]), by_name);
	return input_count > 0;
}

int main(int argc, char **argv)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 1;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: replay CORPUS\n");
		return 2;
	}
	catch_crashes();
	if (!read_corpus(argv[1]))
		return 1;
	for (size_t i = 0; i < input_count; i++) {
		run(&inputs[i], "as it is", 0, inputs[i].bytes, inputs[i].size);
		run_cut_and_flipped(&inputs[i]);
		run_mutated(&inputs[i], seed, i);
	}
	(void)printf("HB_SEED=%" PRIu64 ": %" PRIu64 " inputs from %zu files\n", seed, runs,
		input_count);
	for (size_t i = 0; i < input_count; i++)
		free(inputs[i].bytes);
	return 0;
}
