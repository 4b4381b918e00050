/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Units of the simulation that are stretches of a stream: what one write gave, and what one segment took when it was
 * first sent. A unit has passed a point when its last byte has. Segments exist from when they are sent, so that they
 * are in no queue of unsent data, and unacknowledged from then on only.
 */
#include "tcp_sim_parts.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 64

/* What all points have passed is not needed any more. */
static void forget_passed(struct marks *marks)
{
	size_t least = marks->count;

	if (marks->count == 0)
		return;
	for (int point = 0; point < marks->points; point++)
		least = marks->passed[point] < least ? marks->passed[point] : least;
	memmove(marks->ends, marks->ends + least, (marks->count - least) * sizeof(*marks->ends));
	marks->count -= least;
	for (int point = 0; point < marks->points; point++)
		marks->passed[point] -= least;
}

/* Twice as much, unless half came free: or every few additions would move the rest. */
static bool make_room(struct marks *marks)
{
	size_t room = marks->room > 0 ? 2 * marks->room : ROOM_FIRST;
	uint64_t *ends;

	forget_passed(marks);
	if (marks->room > 0 && marks->count <= marks->room / 2)
		return true;
	ends = realloc(marks->ends, room * sizeof(*ends));
	if (!ends)
		return false;
	marks->ends = ends;
	marks->room = room;
	return true;
}

bool marks_add(struct marks *marks, uint64_t end)
{
	if (marks->count == marks->room && !make_room(marks))
		return false;
	marks->ends[marks->count++] = end;
	return true;
}

uint64_t marks_pass(struct marks *marks, enum mark_point point, uint64_t seq)
{
	size_t before = marks->passed[point];

	while (marks->passed[point] < marks->count && marks->ends[marks->passed[point]] <= seq)
		marks->passed[point]++;
	return marks->passed[point] - before;
}

void marks_finish(struct marks *marks)
{
	free(marks->ends);
	*marks = (struct marks){0};
}
