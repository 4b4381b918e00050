/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Maps: their cells, their journal when it is interrupted, torn or another's, and what levels agree upon. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include <metastable/map.h>

static const char text[] = "server db { queue 150; service exp 10/s }\n"
			   "client c -> db { rate poisson 5/s; timeout 5s; retry 5 }\n"
			   "sweep { db.queue 20..100 step 20; c.rate 2, 5, 8 }\n"
			   "horizon 600s;";

static char folder[] = "/tmp/metastable-map-XXXXXX";
static char journal[64];
static struct hb_error error;
static volatile sig_atomic_t stop;

static struct ms_model model_of_text(void)
{
	struct ms_model model;

	cr_assert_eq(ms_model_read(text, strlen(text), "map", NULL, 0, &model, &error), 0, "%s",
		error.text);
	return model;
}

static void stop_after_four(uint32_t done, uint32_t count, void *user)
{
	(void)count;
	(void)user;
	if (done == 4)
		stop = 1;
}

static int run(const char *path, const char *fingerprint, bool interrupt, struct ms_map *ret)
{
	struct ms_model model = model_of_text();
	struct ms_map_options options = {.levels = 1U << MS_LEVEL_SIMULATION,
		.verdict = {.seed = 7, .runs = 10},
		.journal_path = path,
		.fingerprint = fingerprint,
		.threads = 1,
		.stop = &stop,
		.progress = interrupt ? stop_after_four : NULL};

	stop = 0;
	error = (struct hb_error){0};
	return ms_map_run(&model, &options, ret, &error);
}

static void make_folder(void)
{
	cr_assert(mkdtemp(folder));
	(void)snprintf(journal, sizeof(journal), "%s/journal", folder);
}

static void remove_folder(void)
{
	(void)unlink(journal);
	cr_assert_eq(rmdir(folder), 0);
}

static void write_journal(const char *bytes)
{
	int fd = open(journal, O_WRONLY | O_CREAT | O_APPEND, 0600);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
	(void)close(fd);
}

static void are_equal(const struct ms_map *a, const struct ms_map *b)
{
	cr_assert_eq(a->count, b->count);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct ms_verdict *v = &a->cells[i].verdicts[0],
					*w = &b->cells[i].verdicts[0];

		cr_assert_eq(a->cells[i].kind, b->cells[i].kind);
		cr_assert_eq(memcmp(v->recover_s, w->recover_s, sizeof(v->recover_s)), 0);
		cr_assert_eq(memcmp(v->collapse_s, w->collapse_s, sizeof(v->collapse_s)), 0);
		cr_assert_eq(v->runs, w->runs);
	}
}

Test(map, an_interrupted_map_goes_on_where_it_was, .init = make_folder, .fini = remove_folder)
{
	struct ms_map whole, part = {0}, rest;
	uint32_t reused = 0;

	cr_assert_eq(run(NULL, NULL, false, &whole), 0, "%s", error.text);
	cr_assert_eq(run(journal, "a", true, &part), -EINTR);
	cr_assert_eq(part.done, 4);
	cr_assert(strstr(error.text, "the same call goes on"));
	cr_assert_eq(run(journal, "a", false, &rest), 0, "%s", error.text);
	for (uint32_t i = 0; i < rest.count; i++)
		reused += rest.cells[i].reused;
	cr_assert_eq(reused, 4);
	are_equal(&whole, &rest);
	ms_map_finish(&whole);
	ms_map_finish(&part);
	ms_map_finish(&rest);
}

Test(map, a_torn_last_line_is_computed_again, .init = make_folder, .fini = remove_folder)
{
	struct ms_map part = {0}, rest;

	cr_assert_eq(run(journal, "a", true, &part), -EINTR);
	write_journal("{\"cell\":\"9\",\"class\":\"sta");
	cr_assert_eq(run(journal, "a", false, &rest), 0, "%s", error.text);
	cr_assert_eq(rest.done, rest.count);
	cr_assert_not(rest.cells[9].reused);
	ms_map_finish(&part);
	ms_map_finish(&rest);
}

Test(map, the_journal_of_another_map_is_refused, .init = make_folder, .fini = remove_folder)
{
	struct ms_map part = {0}, other;

	cr_assert_eq(run(journal, "a", true, &part), -EINTR);
	cr_assert_eq(run(journal, "b", false, &other), -EEXIST);
	cr_assert_str_eq(error.path, journal);
	ms_map_finish(&part);
}

Test(map, a_file_that_is_no_journal_is_left_alone, .init = make_folder, .fini = remove_folder)
{
	struct ms_map map;
	char back[64] = "";
	int fd;

	write_journal("name,value\nqueue,3\n");
	cr_assert_eq(run(journal, "a", false, &map), -EBADMSG);
	fd = open(journal, O_RDONLY);
	cr_assert_eq(read(fd, back, sizeof(back) - 1), 19);
	(void)close(fd);
	cr_assert_str_eq(back, "name,value\nqueue,3\n");
}

Test(map, a_faulty_line_is_named, .init = make_folder, .fini = remove_folder)
{
	struct ms_map part = {0}, map;

	cr_assert_eq(run(journal, "a", true, &part), -EINTR);
	write_journal("{\"cell\":\"99\"}\n");
	cr_assert_eq(run(journal, "a", false, &map), -EBADMSG);
	cr_assert_eq(error.line, 6);
	ms_map_finish(&part);
}

Test(map, cells_run_along_the_first_axis_and_the_knee_is_where_the_timeout_is)
{
	struct ms_map map;
	struct ms_knee knee;

	cr_assert_eq(run(NULL, NULL, false, &map), 0, "%s", error.text);
	cr_assert_eq(map.count, 15);
	cr_assert_eq(map.cells[1].at[0], 1);
	cr_assert_eq(map.cells[1].at[1], 0);
	cr_assert_eq(map.cells[5].at[0], 0);
	cr_assert_eq(map.cells[5].at[1], 1);
	/* Timeout 5 s at 10 per second: 50 jobs. 2 per second and six attempts are just above the capacity. */
	knee = ms_map_knee(&map, MS_LEVEL_SIMULATION, map.cells[5].at);
	cr_assert(knee.found);
	cr_assert(knee.lo >= 40 && knee.hi <= 80, "%g to %g", knee.lo, knee.hi);
	cr_assert_eq(knee.from, MS_STABLE);
	cr_assert_eq(knee.to, MS_VULNERABLE);
	ms_map_finish(&map);
}

Test(map, impossible_cells_are_unknown_with_the_reason)
{
	struct ms_model model = model_of_text();
	struct ms_map_options options = {
		.levels = 1U << MS_LEVEL_SIMULATION, .verdict = {.runs = 4}};
	struct ms_map map;

	model.servers[0].threads = 30;
	cr_assert_eq(ms_map_run(&model, &options, &map, &error), 0, "%s", error.text);
	cr_assert_eq(map.cells[0].kind, MS_UNKNOWN);
	cr_assert(strstr(map.cells[0].verdicts[0].reason, "smaller than its 30 threads"));
	ms_map_finish(&map);
}

/* A map of two axes by hand: the second level has a boundary between columns 1 and 2. */
Test(map, agreement_is_counted_near_and_far)
{
	struct ms_map_cell cells[8] = {{0}};
	struct ms_map map = {.axis_count = 1,
		.axes = {{.count = 8, .step = 1}},
		.levels = 5,
		.count = 8,
		.cells = cells};
	struct ms_agreement agreement;

	for (uint32_t i = 0; i < 8; i++) {
		cells[i].at[0] = i;
		cells[i].verdict_count = 2;
		cells[i].verdicts[0] = (struct ms_verdict){
			.level = MS_LEVEL_MARKOV, .kind = i < 3 ? MS_STABLE : MS_VULNERABLE};
		cells[i].verdicts[1] = (struct ms_verdict){
			.level = MS_LEVEL_SIMULATION, .kind = i < 2 ? MS_STABLE : MS_VULNERABLE};
	}
	cells[7].verdicts[0].code = -E2BIG;
	cells[7].verdicts[0].kind = MS_UNKNOWN;
	ms_map_agreement(&map, MS_LEVEL_MARKOV, MS_LEVEL_SIMULATION, &agreement);
	cr_assert_eq(agreement.cells, 7);
	cr_assert_eq(agreement.agree, 6);
	cr_assert_eq(agreement.near_cells, 4);
	cr_assert_eq(agreement.near_agree, 3);
	cr_assert_eq(agreement.table[MS_STABLE][MS_VULNERABLE], 1);
	cr_assert_eq(agreement.table[MS_STABLE][MS_STABLE], 2);
}

/* A row of four cells; the levels have the times that are given, and all cells of the simulation are certain. */
static void row_fill(struct ms_map *map, struct ms_map_cell *cells, const double *chain_s,
	const double (*simulated_s)[2])
{
	*map = (struct ms_map){.axis_count = 1, .count = 4, .cells = cells};
	map->axes[0] =
		(struct ms_sweep_axis){.path = "db.queue", .count = 4, .from = 40, .step = 10};
	for (uint32_t i = 0; i < 4; i++) {
		cells[i] = (struct ms_map_cell){
			.index = i, .at = {i}, .done = true, .verdict_count = 2};
		cells[i].verdicts[0] = (struct ms_verdict){.level = MS_LEVEL_MARKOV,
			.kind = chain_s[i] < 600 ? MS_STABLE : MS_VULNERABLE,
			.recover_s = {chain_s[i], chain_s[i], chain_s[i]},
			.collapse_s = {1e9, 1e9, 1e9}};
		cells[i].verdicts[1] = (struct ms_verdict){.level = MS_LEVEL_SIMULATION,
			.kind = simulated_s[i][1] < 600 ? MS_STABLE : MS_VULNERABLE,
			.recover_s = {simulated_s[i][0], 0, simulated_s[i][1]},
			.collapse_s = {1e9, 1e9, 1e9}};
	}
}

Test(map, a_knee_is_displaced_by_what_both_intervals_allow)
{
	static const double chain_s[] = {10, 100, 200, 5000};
	static const double simulated_s[][2] = {{10, 20}, {700, 900}, {2000, 3000}, {5000, 1e9}};
	struct ms_map_cell cells[4];
	struct ms_map map;
	struct ms_displacement d;

	row_fill(&map, cells, chain_s, simulated_s);
	d = ms_map_displacement(&map, MS_LEVEL_MARKOV, MS_LEVEL_SIMULATION, (const uint32_t[]){0});
	cr_assert(d.found);
	/* The chain's knee lies in 60 to 70, the simulation's in 40 to 50. */
	cr_assert(d.lo == 10 && d.mid == 20 && d.hi == 30, "%g %g %g", d.lo, d.mid, d.hi);
	d = ms_map_displacement(&map, MS_LEVEL_FLUID, MS_LEVEL_SIMULATION, (const uint32_t[]){0});
	cr_assert(!d.found, "a level that was not asked has no knee");
}

Test(map, every_disagreement_has_its_cause)
{
	static const double chain_s[] = {10, 500, 20, 0};
	static const double simulated_s[][2] = {{10, 20}, {700, 900}, {2000, 3000}, {5000, 1e9}};
	struct ms_model model = model_of_text();
	struct ms_map_cell cells[4];
	struct ms_disagreement d;
	struct ms_map map;

	row_fill(&map, cells, chain_s, simulated_s);
	cr_assert(!ms_map_disagreement(
		&map, &model, &cells[0], MS_LEVEL_MARKOV, MS_LEVEL_SIMULATION, &d));
	cr_assert(ms_map_disagreement(
		&map, &model, &cells[1], MS_LEVEL_MARKOV, MS_LEVEL_SIMULATION, &d));
	cr_assert(d.bad_mode && d.cause == MS_CAUSE_EDGE, "%s", d.reason);
	cr_assert(ms_map_disagreement(
		&map, &model, &cells[2], MS_LEVEL_MARKOV, MS_LEVEL_SIMULATION, &d));
	cr_assert(d.cause == MS_CAUSE_APPROXIMATION && d.factor == 100, "%s", d.reason);
	cr_assert(strstr(d.reason, "constant timeout"), "%s", d.reason);
	cr_assert(ms_map_disagreement(
		&map, &model, &cells[3], MS_LEVEL_MARKOV, MS_LEVEL_SIMULATION, &d));
	cr_assert(d.cause == MS_CAUSE_NO_MODE, "%s", d.reason);
}
