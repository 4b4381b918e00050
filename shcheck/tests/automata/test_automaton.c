/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts about single languages, limits and faulty input. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <shcheck/automaton.h>

static struct shc_dfa_pool *pool;

static void open_pool(void)
{
	cr_assert_eq(shc_dfa_pool_create(NULL, &pool), 0);
}

static void close_pool(void)
{
	shc_dfa_pool_destroy(pool);
}

TestSuite(automaton, .init = open_pool, .fini = close_pool);

static const struct shc_dfa *glob_of(const char *pattern, unsigned int flags)
{
	const struct shc_dfa *dfa = NULL;

	cr_assert_eq(shc_dfa_glob(pool, pattern, strlen(pattern), flags, &dfa, NULL), 0);
	return dfa;
}

static const struct shc_dfa *regex_of(const char *expression, unsigned int flags)
{
	const struct shc_dfa *dfa = NULL;

	cr_assert_eq(
		shc_dfa_regex(pool, expression, strlen(expression), flags, &dfa, NULL, NULL), 0);
	return dfa;
}

static const struct shc_dfa *literal_of(const char *text)
{
	const struct shc_dfa *dfa = NULL;

	cr_assert_eq(shc_dfa_literal(pool, text, strlen(text), &dfa), 0);
	return dfa;
}

static bool matches(const struct shc_dfa *dfa, const char *text)
{
	return shc_dfa_matches(dfa, text, strlen(text));
}

Test(automaton, constants_are_what_they_are_called)
{
	cr_assert(shc_dfa_is_empty(shc_dfa_empty(pool)));
	cr_assert_eq(shc_dfa_count(shc_dfa_epsilon(pool), 9), 1);
	cr_assert(shc_dfa_matches(shc_dfa_all(pool), "a\0b", 3));
	cr_assert(!shc_dfa_matches(shc_dfa_text(pool), "a\0b", 3));
	cr_assert_eq(shc_dfa_text(pool), glob_of("*", 0));
	cr_assert_eq(shc_dfa_text(pool), regex_of(".*", SHC_REGEX_EXTENDED));
	cr_assert_eq(shc_dfa_epsilon(pool), literal_of(""));
}

Test(automaton, steam_root_becomes_empty_exactly_if_cd_failed)
{
	const struct shc_dfa *name = glob_of("/*", 0), *slash = glob_of("/*", 0), *root;
	char example[16];

	/* ${0%slash*} of an absolute name may be empty, and then "$ROOT"slash* is a pattern in the root. */
	cr_assert_eq(shc_dfa_remove(pool, SHC_REMOVE_SUFFIX, name, slash, &root), 0);
	cr_assert(matches(root, ""));
	cr_assert(matches(root, "/opt/steam"));
	cr_assert_eq(shc_dfa_shortest(root, example, sizeof(example), NULL), 0);
	cr_assert_str_eq(example, "");
	cr_assert_eq(shc_dfa_remove(pool, SHC_REMOVE_SUFFIX_LONGEST, name, slash, &root), 0);
	cr_assert_eq(root, shc_dfa_epsilon(pool));
}

Test(automaton, cutting_the_folder_off_leaves_base_names)
{
	const struct shc_dfa *base;

	cr_assert_eq(shc_dfa_remove(pool, SHC_REMOVE_PREFIX_LONGEST, shc_dfa_text(pool),
			     glob_of("*/", 0), &base),
		0);
	cr_assert_eq(base, glob_of("*", SHC_GLOB_PATHNAME));
}

Test(automaton, pathname_patterns_keep_dots_and_slashes)
{
	unsigned int flags = SHC_GLOB_PATHNAME | SHC_GLOB_LEADING_DOT;

	cr_assert(matches(glob_of("*/.*", flags), "home/.cache"));
	cr_assert(!matches(glob_of("*/*", flags), "home/.cache"));
	cr_assert(!matches(glob_of("*", flags), "a/b"));
	cr_assert(!matches(glob_of("*.x", flags), ".x"));
	/* A bracket that would hold a slash is none (POSIX XCU 2.13.3). */
	cr_assert(matches(glob_of("[a/b]", flags), "[a/b]"));
	cr_assert(!matches(glob_of("[a/b]", flags), "a"));
}

Test(automaton, case_is_ignored_as_bash_ignores_it)
{
	cr_assert(matches(glob_of("a[b-c]", SHC_GLOB_IGNORE_CASE), "AB"));
	cr_assert(!matches(glob_of("[!a-c]", SHC_GLOB_IGNORE_CASE), "B"));
	cr_assert(!matches(glob_of("[[:lower:]]", SHC_GLOB_IGNORE_CASE), "A"));
	cr_assert(matches(regex_of("[[:lower:]]", SHC_REGEX_IGNORE_CASE), "A"));
}

Test(automaton, escaped_bytes_stand_for_themselves)
{
	for (int byte = 1; byte < 256; byte++) {
		char pattern[3] = {'\\', (char)byte, '\0'};
		const char *text = pattern + !shc_glob_escape((unsigned char)byte);

		cr_assert_eq(
			glob_of(text, SHC_GLOB_EXTENDED), literal_of(pattern + 1), "byte %d", byte);
	}
}

Test(automaton, back_references_are_flagged_supersets)
{
	const struct shc_dfa *dfa;
	bool exact = true;

	cr_assert_eq(shc_dfa_regex(pool, "\\(a*\\)x\\1", 9, 0, &dfa, &exact, NULL), 0);
	cr_assert(!exact);
	cr_assert(matches(dfa, "aaxaa"));
	cr_assert_eq(shc_dfa_regex(pool, "\\<a", 3, SHC_REGEX_SEARCH, &dfa, &exact, NULL), 0);
	cr_assert(!exact);
	cr_assert(matches(dfa, "b a"));
}

Test(automaton, faulty_expressions_are_explained)
{
	static const struct {
		const char *expression;
		unsigned int flags;
		const char *says;
	} faults[] = {
		{"a(b", SHC_REGEX_EXTENDED, "byte 2"},
		{"\\(a", 0, "never closed"},
		{"a\\)", 0, "byte 2"},
		{"[a", 0, "bracket is never closed"},
		{"[[:foo:]]", 0, "unknown class"},
		{"[b-a]", 0, "range that ends"},
		{"a\\", 0, "backslash"},
		{"a\\{2", 0, "interval"},
		{"a{3,2}", SHC_REGEX_EXTENDED, "ends before"},
		{"a{99999}", SHC_REGEX_EXTENDED, "32767"},
		{"\\1", 0, "no group"},
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct shc_dfa *dfa = NULL;
		struct hb_error error = {0};

		cr_assert_eq(shc_dfa_regex(pool, faults[i].expression, strlen(faults[i].expression),
				     faults[i].flags, &dfa, NULL, &error),
			-EINVAL, "%s", faults[i].expression);
		cr_assert(dfa == NULL);
		cr_assert(strstr(error.text, faults[i].says), "%s: %s", faults[i].expression,
			error.text);
	}
}

Test(automaton, hostile_patterns_end_within_their_limits)
{
	static const char *const pieces[] = {
		"[", "@(", "!(", "*a", "?(a|", "(", "\\", "[[:", "!(a)*", "+(*a)", "[^", "\0"};
	struct shc_dfa_limits limits = {.steps = 1 << 22, .memory_bytes = 16 << 20};
	struct shc_dfa_pool *small;
	char *text = malloc(SHC_PATTERN_MAX);

	cr_assert(text != NULL);
	cr_assert_eq(shc_dfa_pool_create(&limits, &small), 0);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t piece = pieces[i][0] ? strlen(pieces[i]) : 1, length = 0;
		const struct shc_dfa *dfa = NULL;

		for (; length + piece + 2 <= SHC_PATTERN_MAX; length += piece)
			memcpy(text + length, pieces[i], piece);
		/* So that a bracket is looked for to the end, and is none there where slashes count. */
		memcpy(text + length, "/]", 2);
		length += 2;
		for (unsigned int flags = 0; flags < 16; flags += 5) {
			int err = shc_dfa_glob(small, text, length, flags, &dfa, NULL);

			cr_assert(err == 0 || err == -E2BIG || err == -ENOMEM);
			err = shc_dfa_regex(small, text, length, flags, &dfa, NULL, NULL);
			cr_assert(err == 0 || err == -E2BIG || err == -ENOMEM || err == -EINVAL);
		}
		cr_assert(shc_dfa_pool_usage(small).memory_peak_bytes <= limits.memory_bytes);
		shc_dfa_pool_collect(small, NULL, 0);
	}
	shc_dfa_pool_destroy(small);
	free(text);
}

Test(automaton, states_above_the_limit_are_refused_and_leave_everything)
{
	const struct shc_dfa *dfa = shc_dfa_text(pool), *big;
	const char *expression = "(a|b)*a(a|b){12}";
	size_t before = shc_dfa_pool_usage(pool).languages;

	cr_assert_eq(shc_dfa_regex(pool, expression, strlen(expression), SHC_REGEX_EXTENDED, &dfa,
			     NULL, NULL),
		-E2BIG);
	cr_assert_eq(dfa, shc_dfa_text(pool));
	cr_assert_eq(shc_dfa_pool_usage(pool).languages, before);
	shc_dfa_pool_set_states(pool, 10000);
	big = regex_of(expression, SHC_REGEX_EXTENDED);
	cr_assert_eq(shc_dfa_states(big), 8193);
}

Test(automaton, memory_never_exceeds_its_limit)
{
	struct shc_dfa_limits limits = {.memory_bytes = 1 << 20, .states = 1 << 20};
	struct shc_dfa_pool *small;
	const struct shc_dfa *dfa = NULL;
	char text[32];
	int err = 0, made = 0;

	cr_assert_eq(shc_dfa_pool_create(&limits, &small), 0);
	cr_assert_eq(
		shc_dfa_regex(small, "(a|b)*a(a|b){18}", 16, SHC_REGEX_EXTENDED, &dfa, NULL, NULL),
		-ENOMEM);
	for (int i = 0; !err; i++) {
		int length = snprintf(text, sizeof(text), "/some/path/%d", i);

		err = shc_dfa_literal(small, text, (size_t)length, &dfa);
		made += !err;
	}
	cr_assert_eq(err, -ENOMEM);
	cr_assert(made > 100);
	cr_assert(shc_dfa_pool_usage(small).memory_peak_bytes <= 1 << 20);
	/* Widening gives a result even here, and collection makes room again. */
	cr_assert_eq(shc_dfa_widen(small, dfa, shc_dfa_epsilon(small), 8, 0, &dfa), 0);
	cr_assert(matches(dfa, ""));
	shc_dfa_pool_collect(small, &dfa, 1);
	cr_assert(matches(dfa, ""));
	cr_assert_eq(shc_dfa_literal(small, "x", 1, &dfa), 0);
	shc_dfa_pool_destroy(small);
}

Test(automaton, collection_keeps_roots_and_identity)
{
	const struct shc_dfa *kept = glob_of("/usr/*", 0), *roots[2] = {kept, NULL};
	size_t languages;

	(void)glob_of("/opt/*", 0);
	languages = shc_dfa_pool_usage(pool).languages;
	shc_dfa_pool_collect(pool, roots, 2);
	cr_assert(shc_dfa_pool_usage(pool).languages < languages);
	cr_assert_eq(glob_of("/usr/*", 0), kept);
	cr_assert_eq(glob_of("*", 0), shc_dfa_text(pool));
}

Test(automaton, results_are_remembered_unless_told_not_to)
{
	const struct shc_dfa *a = glob_of("/home/*", 0), *b = glob_of("*.c", 0), *x, *y;
	uint64_t hits = shc_dfa_pool_usage(pool).cache_hits;

	cr_assert_eq(shc_dfa_intersect(pool, a, b, &x), 0);
	cr_assert_eq(shc_dfa_intersect(pool, b, a, &y), 0);
	cr_assert_eq(x, y);
	cr_assert_eq(shc_dfa_pool_usage(pool).cache_hits, hits + 1);
}

Test(automaton, languages_are_described_in_words)
{
	char text[80];
	const struct shc_dfa *both;
	const struct shc_byte_string words[2] = {{"a\"b", 3}, {"", 0}};

	cr_assert_eq(shc_dfa_strings(pool, words, 2, &both), 0);
	cr_assert_str_eq(shc_dfa_format(both, text, sizeof(text)), "\"\" or \"a\\\"b\"");
	cr_assert_str_eq(shc_dfa_format(shc_dfa_empty(pool), text, sizeof(text)), "nothing");
	cr_assert_str_eq(shc_dfa_format(shc_dfa_text(pool), text, sizeof(text)), "any text");
	cr_assert_str_eq(shc_dfa_format(glob_of("/tmp/*", SHC_GLOB_PATHNAME), text, sizeof(text)),
		"matching /tmp/[^/]*");
	cr_assert_str_eq(shc_dfa_format(glob_of("/home/*/.cache/*x*y", 0), text, sizeof(text)),
		"beginning with \"/home/\", 16 bytes or more");
	cr_assert_str_eq(shc_dfa_format(literal_of("abcdefg"), text, 8), "7 bytes");
}

Test(automaton, intervals_reach_the_ends_of_64_bits)
{
	const struct shc_dfa *dfa;

	cr_assert_eq(shc_dfa_interval(pool, INT64_MIN + 1, INT64_MAX - 1, &dfa), 0);
	cr_assert(matches(dfa, "-9223372036854775807") && matches(dfa, "9223372036854775806"));
	cr_assert(!matches(dfa, "-9223372036854775808") && !matches(dfa, "9223372036854775807"));
	cr_assert_eq(shc_dfa_interval(pool, INT64_MIN, INT64_MIN, &dfa), 0);
	cr_assert(matches(dfa, "-9223372036854775808") && !matches(dfa, "-9223372036854775807"));
	cr_assert_eq(shc_dfa_interval(pool, INT64_MIN, INT64_MAX, &dfa), 0);
	cr_assert(matches(dfa, "0") && matches(dfa, "-12") && !matches(dfa, "01"));
}

/* Expressions that format writes are read back as the same language. */
Test(automaton, descriptions_are_the_language)
{
	static const char *const expressions[] = {"a*", "(ab|c)+d?", "[^x]*\\.o", "a|b*|cd",
		"x(yz)*", "[0-9]+(\\.[0-9]+)?", "(\\*[]-])*", "(a|b)*abb"};

	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		const struct shc_dfa *dfa = regex_of(expressions[i], SHC_REGEX_EXTENDED);
		char text[400];

		shc_dfa_format(dfa, text, sizeof(text));
		cr_assert_eq(strncmp(text, "matching ", 9), 0, "%s", text);
		/* Within brackets a backslash quotes in descriptions only; none of these has one there. */
		if (!strstr(expressions[i], "]-"))
			cr_assert_eq(regex_of(text + 9, SHC_REGEX_EXTENDED), dfa, "%s: %s",
				expressions[i], text);
	}
}

Test(automaton, examples_come_shortest_and_best_readable_first)
{
	const struct shc_dfa *dfa = glob_of("/*", 0);
	struct shc_strings examples;
	char text[8];

	cr_assert_eq(shc_dfa_examples(dfa, 3, 10, &examples), 0);
	cr_assert_eq(examples.count, 3);
	cr_assert_str_eq(examples.items[0].bytes, "/");
	cr_assert_str_eq(examples.items[1].bytes, "/a");
	cr_assert_str_eq(examples.items[2].bytes, "/b");
	shc_strings_finish(&examples);
	cr_assert_eq(shc_dfa_examples(glob_of("?????", 0), 3, 4, &examples), 0);
	cr_assert_eq(examples.count, 0);
	shc_strings_finish(&examples);
	/* A bound far beyond what is reached. */
	cr_assert_eq(shc_dfa_examples(dfa, 300, SIZE_MAX, &examples), 0);
	cr_assert_eq(examples.count, 300);
	shc_strings_finish(&examples);
	cr_assert_eq(shc_dfa_enumerate(dfa, 1000, &examples), -E2BIG);
	cr_assert_eq(shc_dfa_shortest(shc_dfa_empty(pool), text, sizeof(text), NULL), -ENOENT);
	cr_assert_eq(shc_dfa_shortest(literal_of("12345678"), text, sizeof(text), NULL), -ENOBUFS);
	cr_assert(!shc_dfa_single(dfa, text, sizeof(text), NULL));
	cr_assert(shc_dfa_single(literal_of("/a"), text, sizeof(text), NULL));
}

Test(automaton, counts_saturate)
{
	const struct shc_dfa *byte, *many;
	struct shc_byte_set any = shc_byte_set_range(0, 255);

	cr_assert_eq(shc_dfa_byte(pool, &any, &byte), 0);
	cr_assert_eq(shc_dfa_repeat(pool, byte, 0, 40, &many), 0);
	cr_assert_eq(shc_dfa_count(many, UINT64_MAX), UINT64_MAX - 1);
	cr_assert(shc_dfa_is_finite(many));
	cr_assert_eq(shc_dfa_length_max(many), 40);
	cr_assert_eq(shc_dfa_count(shc_dfa_all(pool), 5), SHC_INFINITE);
	cr_assert_eq(shc_dfa_count(shc_dfa_empty(pool), 5), 0);
}

Test(automaton, common_ends_are_found)
{
	const struct shc_dfa *dfa = glob_of("/usr/lib*.so", 0);
	char text[32];
	size_t length;

	cr_assert_eq(shc_dfa_common_prefix(dfa, text, sizeof(text)), 8);
	cr_assert_str_eq(text, "/usr/lib");
	cr_assert_eq(shc_dfa_common_prefix(dfa, text, 4), 3);
	cr_assert_eq(shc_dfa_common_suffix(pool, dfa, text, sizeof(text), &length), 0);
	cr_assert_str_eq(text, ".so");
}

Test(automaton, first_last_and_all_bytes_are_found)
{
	const struct shc_dfa *dfa = regex_of("[ab]x*[cd]", SHC_REGEX_EXTENDED);
	struct shc_byte_set all = shc_dfa_bytes(dfa), first = shc_dfa_first_bytes(dfa),
			    last = shc_dfa_last_bytes(dfa), expected;

	expected = shc_byte_set_of("abcdx", 5);
	cr_assert_eq(memcmp(&all, &expected, sizeof(all)), 0);
	expected = shc_byte_set_of("ab", 2);
	cr_assert_eq(memcmp(&first, &expected, sizeof(first)), 0);
	expected = shc_byte_set_of("cd", 2);
	cr_assert_eq(memcmp(&last, &expected, sizeof(last)), 0);
}

Test(automaton, a_monitor_can_step_through_its_input)
{
	const struct shc_dfa *dfa = glob_of("ab*", 0);
	uint32_t state = 0;

	for (const char *byte = "abc"; *byte; byte++)
		state = shc_dfa_step(dfa, state, (unsigned char)*byte);
	cr_assert(shc_dfa_accepting(dfa, state));
	cr_assert(shc_dfa_dead(dfa, shc_dfa_step(dfa, 0, 'x')));
	cr_assert(!shc_dfa_dead(dfa, 0));
}

Test(automaton, case_changes_first_or_all_letters)
{
	const struct shc_dfa *words = literal_of("abC"), *changed;

	cr_assert_eq(shc_dfa_case(pool, SHC_CASE_UPPER, words, &changed), 0);
	cr_assert_eq(changed, literal_of("ABC"));
	cr_assert_eq(shc_dfa_case(pool, SHC_CASE_LOWER, words, &changed), 0);
	cr_assert_eq(changed, literal_of("abc"));
	cr_assert_eq(shc_dfa_case(pool, SHC_CASE_UPPER_FIRST, words, &changed), 0);
	cr_assert_eq(changed, literal_of("AbC"));
	cr_assert_eq(shc_dfa_case(pool, SHC_CASE_LOWER_FIRST, changed, &changed), 0);
	cr_assert_eq(changed, words);
}

Test(automaton, unknown_separators_give_supersets)
{
	const struct shc_dfa *value = literal_of("a:b c"), *ifs;
	const struct shc_byte_string two[2] = {{":", 1}, {" ", 1}};
	struct shc_split split;

	cr_assert_eq(shc_dfa_strings(pool, two, 2, &ifs), 0);
	cr_assert_eq(shc_dfa_split_by(pool, value, ifs, &split), 0);
	cr_assert(split.exact);
	cr_assert_eq(shc_dfa_count(split.first, 9), 2);
	cr_assert_eq(split.count_min, 2);
	cr_assert_eq(shc_dfa_split_by(pool, value, shc_dfa_text(pool), &split), 0);
	cr_assert(!split.exact);
	cr_assert(matches(split.first, "a") && matches(split.rest, "b c"));
	cr_assert_eq(split.count_max, SHC_INFINITE);
}

Test(automaton, null_patterns_are_not_substituted)
{
	const struct shc_dfa *x = literal_of("ab"), *r = literal_of("-"), *result;
	bool exact;

	cr_assert_eq(shc_dfa_substitute(pool, SHC_SUBSTITUTE_ALL, x, shc_dfa_epsilon(pool), r,
			     &result, &exact),
		0);
	cr_assert_eq(result, x);
	cr_assert_eq(shc_dfa_substitute(pool, SHC_SUBSTITUTE_START, x, shc_dfa_epsilon(pool), r,
			     &result, &exact),
		0);
	cr_assert_eq(result, literal_of("-ab"));
	cr_assert_eq(shc_dfa_substitute(pool, SHC_SUBSTITUTE_ALL, x, glob_of("?", 0),
			     shc_dfa_text(pool), &result, &exact),
		0);
	cr_assert(!exact);
}

Test(automaton, faulty_transducers_are_refused)
{
	const struct shc_final finals[1] = {{.accepting = true}};
	const struct shc_rule rules[1] = {{.to = 1, .bytes = {{UINT64_MAX}}}};
	const struct shc_rule unmapped[1] = {{.output = SHC_OUTPUT_MAP}};
	const struct shc_transducer none = {0};
	const struct shc_transducer outside = {
		.state_count = 1, .finals = finals, .rules = rules, .rule_count = 1};
	const struct shc_transducer no_map = {
		.state_count = 1, .finals = finals, .rules = unmapped, .rule_count = 1};
	const struct shc_dfa *dfa = NULL;

	cr_assert_eq(shc_dfa_image(pool, shc_dfa_text(pool), &none, &dfa), -EINVAL);
	cr_assert_eq(shc_dfa_image(pool, shc_dfa_text(pool), &outside, &dfa), -EINVAL);
	cr_assert_eq(shc_dfa_preimage(pool, shc_dfa_text(pool), &no_map, &dfa), -EINVAL);
	cr_assert(dfa == NULL);
}

static void *work_alone(void *arg)
{
	struct shc_dfa_pool *own;
	const struct shc_dfa *a, *b, *c = NULL;

	(void)arg;
	if (shc_dfa_pool_create(NULL, &own))
		return NULL;
	for (int i = 0; i < 200; i++) {
		if (shc_dfa_glob(own, "*a*b*c*", 7, 0, &a, NULL) ||
			shc_dfa_glob(own, "/home/*", 7, 0, &b, NULL) ||
			shc_dfa_intersect(own, a, b, &c))
			c = NULL;
		shc_dfa_pool_collect(own, NULL, 0);
	}
	shc_dfa_pool_destroy(own);
	return arg;
}

Test(automaton, pools_of_several_threads_do_not_meet)
{
	pthread_t threads[4];
	int done[4];

	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, work_alone, &done[i]), 0);
	for (int i = 0; i < 4; i++) {
		void *result;

		cr_assert_eq(pthread_join(threads[i], &result), 0);
		cr_assert_eq(result, &done[i]);
	}
}
