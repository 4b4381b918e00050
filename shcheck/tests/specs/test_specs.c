/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The language of specifications and the matching of command lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <shcheck/spec.h>

enum { WORDS_MAX = 16 };

static struct shc_text text_of(const char *string)
{
	return (struct shc_text){string, (uint32_t)strlen(string)};
}

static const struct shc_spec *builtin(const char *name)
{
	const struct shc_spec *spec = shc_specs_find(shc_specs_builtin(), text_of(name));

	cr_assert(spec, "%s", name);
	return spec;
}

/* Match a line, cut at blanks. "?x" is a word that begins with x, "*x" any number of them. */
static struct shc_spec_match match(const char *line)
{
	struct shc_spec_word words[WORDS_MAX];
	struct shc_spec_match result;
	char *copy = strdup(line), *rest = NULL;
	char name[32];
	uint32_t count = 0;

	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		bool open = word[0] == '?' || word[0] == '*';

		words[count++] = (struct shc_spec_word){
			.text = text_of(word + open), .whole = !open, .any = word[0] == '*'};
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)words[0].text.length, words[0].text.bytes);
	cr_assert(shc_spec_match(builtin(name), words, count, &result) == 0);
	free(copy);
	return result;
}

/* "role=word ..." in the order of the words; the line must live. */
static const char *roles_of(const char *line)
{
	static char text[256];
	struct shc_spec_match result = match(line);
	size_t length = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < result.binding_count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s=%u",
			i ? " " : "", result.spec->roles[result.bindings[i].role],
			result.bindings[i].word);
	if (result.misfit || result.unknown_option)
		(void)snprintf(text + length, sizeof(text) - length, "%s",
			result.misfit ? " misfit" : " unknown");
	shc_spec_match_finish(&result);
	return text;
}

static enum shc_truth has(const char *line, const char *option)
{
	struct shc_spec_match result = match(line);
	enum shc_truth truth = SHC_NO;

	for (uint8_t i = 0; i < result.spec->option_count; i++)
		for (uint8_t j = 0; j < result.spec->options[i]->spelling_count; j++)
			if (!strcmp(result.spec->options[i]->spellings[j], option))
				truth = result.options[i];
	shc_spec_match_finish(&result);
	return truth;
}

Test(specs, operands_have_the_roles_of_the_first_form_that_fits)
{
	cr_assert_str_eq(roles_of("mv a b"), "source=1 target=2");
	cr_assert_str_eq(roles_of("mv a b c"), "source=1 source=2 directory=3");
	cr_assert_str_eq(roles_of("mv -t d a b"), "directory=2 source=3 source=4");
	cr_assert_str_eq(roles_of("mv a"), " misfit");
	cr_assert_str_eq(roles_of("mv -T a b c"), " misfit");
	cr_assert_str_eq(roles_of("ln a"), "alone=1");
	cr_assert_str_eq(roles_of("chmod --reference=r a"), "reference=1 path=2");
	cr_assert_str_eq(roles_of("chmod 755 a b"), "mode=1 path=2 path=3");
	cr_assert_str_eq(roles_of("sed -e p a"), "expression=2 path=3");
	cr_assert_str_eq(roles_of("sed p a"), "script=1 path=2");
	cr_assert_str_eq(roles_of("rm -f"), "");
	cr_assert_str_eq(roles_of("rm"), " misfit");
}

Test(specs, options_are_read_as_their_syntax_says)
{
	cr_assert_eq(has("rm -rf a", "-f"), SHC_YES);
	cr_assert_eq(has("rm a -r", "--recursive"), SHC_YES);
	cr_assert_eq(has("rm -- -r", "-r"), SHC_NO);
	cr_assert_str_eq(roles_of("rm -- -r"), "path=2");
	cr_assert_eq(has("rm --recurs a", "-r"), SHC_YES);
	cr_assert_str_eq(roles_of("rm --no-such a"), "path=2 unknown");
	cr_assert_str_eq(roles_of("mv --target-directory=d a"), "directory=1 source=2");
	cr_assert_str_eq(roles_of("mv -td a"), "directory=1 source=2");
	cr_assert_eq(has("sed -i.bak p a", "-i"), SHC_YES);
	cr_assert_eq(has("xargs rm -r", "-r"), SHC_NO);
	cr_assert_str_eq(roles_of("xargs -0 rm -r"), "command=2 command=3");
	cr_assert_str_eq(roles_of("dd if=a of=b bs=1"), "input=1 output=2");
	cr_assert_str_eq(roles_of("tar xzf a b"), "archive=2 member=3");
	cr_assert_str_eq(roles_of("tar cfC a d b"), "archive=2 directory=3 member=4");
	cr_assert_str_eq(roles_of("find a b -name x -delete"), "path=1 path=2");
	cr_assert_eq(has("find -L a -delete", "-L"), SHC_YES);
	cr_assert_str_eq(roles_of("find -L a -delete"), "path=2");
	cr_assert_str_eq(roles_of("test -f a"), "path=2");
}

Test(specs, words_that_are_not_known_leave_it_open)
{
	struct shc_spec_match result = match("rm *");

	cr_assert(result.open);
	cr_assert_not(result.misfit);
	shc_spec_match_finish(&result);
	cr_assert_eq(has("rm ?", "-r"), SHC_PERHAPS_SO);
	cr_assert_eq(has("rm -f ?", "-f"), SHC_YES);
	cr_assert_eq(has("rm ?/tmp/", "-r"), SHC_NO);
	cr_assert_eq(has("rm -- ?", "-r"), SHC_NO);
	cr_assert_eq(has("rm ?-", "-r"), SHC_PERHAPS_SO);
}

Test(specs, commands_that_are_run_are_found)
{
	struct shc_spec_match result = match("find a -exec rm x ; -exec ls + -print");

	cr_assert_eq(result.run_count, 2);
	cr_assert_eq(result.runs[0].first, 3);
	cr_assert_eq(result.runs[0].end, 5);
	cr_assert_eq(result.runs[1].first, 7);
	cr_assert_eq(result.runs[1].end, 8);
	shc_spec_match_finish(&result);
}

static const struct {
	const char *text;
	int line;
	const char *message;
} faults[] = {
	{"command a {\n\toperands p;\n\treads q;\n}", 3, "column 8, use: no operand is called 'q'"},
	{"command a {\n\toperands path;\n\treads pth;\n}", 3, "did you mean 'path'?"},
	{"command a {\n\toption --recursive;\n\tinput when --recursve;\n}", 3,
		"did you mean '--recursive'?"},
	{"command a {\n\toperands p;\n\tabsent(p) => exit 1\n}", 4,
		"column 1, statement: ; expected"},
	{"command a {\n\toperands p;\n\tgone(p) => exit 1;\n}", 3, "claim: absent, exists, file"},
	{"command a {\n\toperands p;\n\tabsent(p) => exit 300;\n}", 3, "a status from 0 to 255"},
	{"command a {\n\toperands p;\n\tabsent(p) => exit 2..1;\n}", 3, "upside down"},
	{"command a {\n\toperands p;\n\tabsent(p) => same(p);\n}", 3, "how it ends is missing"},
	{"command a {\n\toperands p* q*;\n}", 2, "only one name may be repeated"},
	{"command a {\n\toption -xy;\n}", 2, "a short option has one letter"},
	{"command a {\n\toption -x;\n\toption -x;\n}", 3, "'-x' is declared twice"},
	{"command a {\n\tmanual \"x;\n}", 2, "the quote is not closed on its line"},
	{"command a {\n", 2, "not the end of the file"},
	{"command a {\n\t@\n}", 2, "byte 0x40 has no meaning here"},
	{"rm", 1, "command expected, not 'rm'"},
};

Test(specs, faults_are_told_with_place_rule_and_hint)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct hb_error error = {0};
		struct shc_specs *specs;

		cr_assert(shc_specs_create(&specs) == 0);
		cr_assert_eq(shc_specs_read(specs, "x.spec", faults[i].text, strlen(faults[i].text),
				     &error),
			-EINVAL, "%s", faults[i].text);
		cr_assert_eq(error.line, faults[i].line, "%d: %s", error.line, error.text);
		cr_assert_str_eq(error.path, "x.spec");
		cr_assert(strstr(error.text, faults[i].message), "%s", error.text);
		cr_assert_null(shc_specs_at(specs, 0));
		shc_specs_destroy(specs);
	}
}

Test(specs, later_meaning_of_a_name_counts)
{
	static const char first[] = "command a, b { builtin; }", second[] = "command b { input; }";
	struct shc_specs *specs;

	cr_assert(shc_specs_create(&specs) == 0);
	cr_assert(shc_specs_read(specs, "1", first, strlen(first), NULL) == 0);
	cr_assert(shc_specs_read(specs, "2", second, strlen(second), NULL) == 0);
	cr_assert(shc_specs_find(specs, text_of("a"))->builtin);
	cr_assert(shc_specs_find(specs, text_of("b"))->takes_input);
	cr_assert_null(shc_specs_find(specs, text_of("ab")));
	cr_assert_null(shc_specs_find(specs, text_of("")));
	shc_specs_destroy(specs);
}

Test(specs, folder_is_read_and_its_faults_are_told)
{
	char folder[] = "/tmp/specs.XXXXXX", path[64];
	struct hb_error error = {0};
	struct shc_specs *specs;
	FILE *file;

	cr_assert(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/one.spec", folder);
	cr_assert(shc_specs_create(&specs) == 0);
	cr_assert_eq(shc_specs_read_folder(specs, folder, &error), -ENOENT);
	file = fopen(path, "we");
	cr_assert(file);
	(void)fputs("command one { input; }\n", file);
	cr_assert(fclose(file) == 0);
	cr_assert(shc_specs_read_folder(specs, folder, &error) == 0);
	cr_assert(shc_specs_find(specs, text_of("one")));
	cr_assert_eq(shc_specs_read_folder(specs, "/tmp/specs.absent", &error), -ENOENT);
	shc_specs_destroy(specs);
	(void)unlink(path);
	(void)rmdir(folder);
}

Test(specs, those_of_the_program_are_all_there)
{
	static const char *const names[] = {"rm", "mv", "cp", "ln", "mkdir", "rmdir", "touch", "cd",
		"test", "[", "cat", "install", "find", "xargs", "chmod", "chown", "tar", "mktemp",
		"dirname", "basename", "readlink", "realpath", "ls", "sed", "dd", "tee"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_assert(builtin(names[i])->clauses, "%s", names[i]);
}
