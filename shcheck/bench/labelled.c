/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "labelled.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shcheck/analyse.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

#define SCRIPT_BYTES_MAX 65536

static const char *const form_files[LABELLED_FORMS] = {"buggy.sh", "rewrite.sh", "fixed.sh"};

static int class_of(const char *word, size_t length)
{
	for (int i = 0; i < SHC_CLASS_COUNT; i++) {
		const char *name = shc_class_name((enum shc_class)i);

		if (strlen(name) == length && !memcmp(name, word, length))
			return i;
	}
	return -1;
}

/* The classes behind "#@" at @word, up to the end of the line. 0 or -EINVAL. */
static int read_mark(struct labelled_script *script, const char *word, uint32_t line)
{
	for (;;) {
		size_t length;
		int class;

		word += strspn(word, " ,");
		length = strcspn(word, " ,\n");
		if (!length)
			return 0;
		class = class_of(word, length);
		if (class < 0 || script->mark_count == LABELLED_MARKS_MAX) {
			(void)fprintf(stderr, "%s:%u: '%.*s' is no class, or one too many\n",
				script->path, line, (int)length, word);
			return -EINVAL;
		}
		script->marks[script->mark_count++] =
			(struct labelled_mark){.line = line, .class = (enum shc_class) class};
		word += length;
	}
}

/* Take the marks off the text, in place. */
static int take_marks(struct labelled_script *script)
{
	char *from = script->text, *to = script->text;

	for (uint32_t line = 1; *from; line++) {
		char *end = strchrnul(from, '\n'),
		     *mark = memmem(from, (size_t)(end - from), "#@", 2);
		char *kept = mark ? mark : end;
		int r = mark ? read_mark(script, mark + 2, line) : 0;

		if (r)
			return r;
		while (mark && kept > from && (kept[-1] == ' ' || kept[-1] == '\t'))
			kept--;
		memmove(to, from, (size_t)(kept - from));
		to += kept - from;
		from = end;
		if (*from)
			*to++ = *from++;
	}
	*to = 0;
	script->length = (size_t)(to - script->text);
	return 0;
}

static int read_script(struct labelled_script *script)
{
	FILE *file = fopen(script->path, "re");

	if (!file)
		return -errno;
	script->text = malloc(SCRIPT_BYTES_MAX);
	if (!script->text) {
		(void)fclose(file);
		return -ENOMEM;
	}
	script->text[fread(script->text, 1, SCRIPT_BYTES_MAX - 1, file)] = 0;
	(void)fclose(file);
	return take_marks(script);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int labelled_read(const char *folder, struct labelled_scripts *ret)
{
	struct labelled_scripts scripts = {0};
	struct dirent **entries;
	int count = scandir(folder, &entries, is_visible, alphasort), r = 0;

	if (count < 0)
		return -errno;
	scripts.items = calloc((size_t)count * LABELLED_FORMS + 1, sizeof(*scripts.items));
	if (!scripts.items)
		r = -ENOMEM;
	for (int i = 0; i < count; i++) {
		for (int form = 0; form < LABELLED_FORMS && !r; form++) {
			struct labelled_script *script = &scripts.items[scripts.count++];
			int length = snprintf(script->path, sizeof(script->path), "%s/%s/%s",
				folder, entries[i]->d_name, form_files[form]);

			script->form = (enum labelled_form)form;
			r = length < (int)sizeof(script->path) ? read_script(script)
							       : -ENAMETOOLONG;
		}
		free(entries[i]);
	}
	free(entries);
	if (r)
		labelled_finish(&scripts);
	else
		*ret = scripts;
	return r;
}

void labelled_finish(struct labelled_scripts *scripts)
{
	for (size_t i = 0; i < scripts->count; i++)
		free(scripts->items[i].text);
	free(scripts->items);
	*scripts = (struct labelled_scripts){0};
}

uint32_t labelled_classes(
	const struct labelled_scripts *scripts, const struct labelled_script *script)
{
	size_t first = (size_t)(script - scripts->items) / LABELLED_FORMS * LABELLED_FORMS;
	uint32_t classes = 0;

	for (size_t i = first; i < first + LABELLED_FORMS; i++)
		for (size_t j = 0; j < scripts->items[i].mark_count; j++)
			classes |= 1u << scripts->items[i].marks[j].class;
	return classes;
}

static bool is_due(const struct labelled_script *script, const struct labelled_finding *finding)
{
	for (size_t i = 0; i < script->mark_count; i++)
		if (script->marks[i].line == finding->line &&
			script->marks[i].class == finding->class)
			return true;
	return false;
}

struct labelled_score labelled_judge(const struct labelled_script *script, uint32_t classes,
	const struct labelled_finding *findings, size_t count)
{
	struct labelled_score score = {.due = (uint32_t)script->mark_count};

	for (size_t i = 0; i < script->mark_count; i++) {
		bool found = false;

		for (size_t j = 0; j < count; j++)
			found |= findings[j].line == script->marks[i].line &&
				 findings[j].class == script->marks[i].class;
		score.due_of[script->marks[i].class]++;
		score.found_of[script->marks[i].class] += found;
		score.found += found;
	}
	for (size_t i = 0; i < count; i++) {
		if (is_due(script, &findings[i]))
			continue;
		if (findings[i].class < SHC_CLASS_COUNT && classes >> findings[i].class & 1)
			score.same_class++;
		else
			score.noise += findings[i].severity <= SHC_SEVERITY_WARNING;
	}
	return score;
}

static long copy_findings(struct shc_findings *findings, const struct shc_source *source,
	struct labelled_finding *ret, size_t room)
{
	size_t count = 0;

	shc_findings_sort(findings);
	for (; count < shc_findings_count(findings) && count < room; count++) {
		const struct shc_finding *finding = shc_findings_at(findings, count);

		ret[count] = (struct labelled_finding){
			.line = shc_source_place(source, finding->range.start).line,
			.class = finding->class,
			.severity = finding->severity,
		};
	}
	return (long)count;
}

long labelled_analyse(
	const struct labelled_script *script, struct labelled_finding *findings, size_t room)
{
	enum shc_dialect dialect = SHC_BASH;
	struct shc_coverage coverage;
	struct shc_findings *list;
	struct shc_source *source;
	struct shc_script *tree = NULL;
	long count = -ENOMEM;

	if (shc_findings_create(&list))
		return -ENOMEM;
	if (shc_source_create(script->path, script->text, script->length, &source)) {
		shc_findings_destroy(list);
		return -ENOMEM;
	}
	(void)shc_dialect_detect(source, &dialect, NULL);
	if (!shc_parse(source, dialect, list, &tree) && !shc_analyse(tree, NULL, list, &coverage))
		count = copy_findings(list, source, findings, room);
	shc_script_destroy(tree);
	shc_source_destroy(source);
	shc_findings_destroy(list);
	return count;
}
