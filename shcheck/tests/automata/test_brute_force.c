/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every operation against brute force over short strings, fnmatch(3) and regcomp(3). HB_SEED chooses the cases. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "brute_force.h"

static void agree(const char *name)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 1;
	const struct comparison *comparison = comparisons;

	(void)fprintf(stderr, "HB_SEED=%llu\n", (unsigned long long)seed);
	while (comparison->name && strcmp(comparison->name, name) != 0)
		comparison++;
	cr_assert(comparison->name != NULL, "no comparison is called %s", name);
	cr_assert(comparison_run(comparison, seed, false), "%s", name);
}

Test(automata, boolean_operations_and_concatenation_hold_the_right_strings)
{
	agree("Boolean operations and concatenation");
}

Test(automata, repetition_and_complement_hold_the_right_strings)
{
	agree("repetition and complement");
}

Test(automata, parts_of_strings_are_exact)
{
	agree("reverse, prefixes, suffixes, substrings");
}

Test(automata, equal_languages_are_one_pointer)
{
	agree("equal languages are identical");
}

Test(automata, removal_takes_shortest_and_longest_matches)
{
	agree("removal of prefixes and suffixes");
}

Test(automata, quotients_are_exact)
{
	agree("quotients");
}

Test(automata, removal_and_substitution_distribute_over_unions)
{
	agree("removal and substitution over unions");
}

Test(automata, substitution_takes_leftmost_longest_matches)
{
	agree("substitution");
}

Test(automata, translation_does_what_tr_does)
{
	agree("translation");
}

Test(automata, images_and_preimages_hold_every_output)
{
	agree("transducers");
}

Test(automata, fields_are_those_of_posix)
{
	agree("field splitting");
}

Test(automata, patterns_match_as_fnmatch_does)
{
	agree("patterns and fnmatch");
}

Test(automata, lists_in_patterns_match_as_trying_every_way_does)
{
	agree("patterns with lists");
}

Test(automata, regular_expressions_match_as_regexec_does)
{
	agree("regular expressions and regcomp");
}

Test(automata, intervals_hold_decimal_integers)
{
	agree("integer intervals");
}

Test(automata, measures_of_finite_languages_are_exact)
{
	agree("counts, lengths, examples");
}

Test(automata, widening_gives_supersets_and_comes_to_rest)
{
	agree("widening");
}
