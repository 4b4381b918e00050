/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <hotbed/suggest.h>

/* Longer words are names of nothing here, and the distance costs their product. */
#define WORD_BYTES_MAX 128

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int low = a < b ? a : b;

	return low < c ? low : c;
}

/*
 * Edits that turn @a into @b: insert, delete, replace, swap two neighbours (optimal string alignment: no substring is
 * edited twice). Source: Damerau, CACM 7(3), 1964; Wagner and Fischer, JACM 21(1), 1974. Both below WORD_BYTES_MAX.
 */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int rows[3][WORD_BYTES_MAX + 1];
	unsigned int *before = rows[0], *above = rows[1], *current = rows[2];
	size_t a_length = strlen(a), b_length = strlen(b);

	for (size_t j = 0; j <= b_length; j++)
		above[j] = (unsigned int)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned int *free_row = before;

		current[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned int replace = above[j - 1] + (a[i - 1] != b[j - 1]);

			current[j] = min3(above[j] + 1, current[j - 1] + 1, replace);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < current[j])
				current[j] = before[j - 2] + 1;
		}
		before = above;
		above = current;
		current = free_row;
	}
	return above[b_length];
}

/* A name that was only begun ("spork/by" for "spork/bystander") is far in edits and near in meaning. */
static const char *shortest_completion(const char *word, const char *const *names)
{
	size_t length = strlen(word);
	const char *best = NULL;

	for (; *names; names++)
		if (!strncmp(*names, word, length) && (!best || strlen(*names) < strlen(best)))
			best = *names;
	return best;
}

const char *hb_suggest(const char *word, const char *const *names)
{
	size_t length = strlen(word);
	const char *best = NULL;
	/* More than a third of the letters wrong is another word, not a slip. */
	unsigned int best_distance = (unsigned int)length / 3 + 2;

	if (length == 0 || length > WORD_BYTES_MAX)
		return NULL;
	if (length >= 3)
		best = shortest_completion(word, names);
	if (best)
		return best;
	if (best_distance > length)
		best_distance = (unsigned int)length;
	for (; *names; names++) {
		unsigned int distance;

		if (strlen(*names) > WORD_BYTES_MAX)
			continue;
		distance = edit_distance(word, *names);
		if (distance < best_distance) {
			best_distance = distance;
			best = *names;
		}
	}
	return best;
}
