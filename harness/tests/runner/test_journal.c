/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>

#include "journal.h"

static char folder[64], path[96];

static void setup(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/hotbed-journal-XXXXXX");
	cr_assert(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/trials.csv", folder);
}

static void teardown(void)
{
	char other[128];

	(void)unlink(path);
	(void)snprintf(other, sizeof(other), "%s/hist.hlog", folder);
	(void)unlink(other);
	(void)snprintf(other, sizeof(other), "%s/logs/3.txt", folder);
	(void)unlink(other);
	(void)snprintf(other, sizeof(other), "%s/logs", folder);
	(void)rmdir(other);
	cr_assert_eq(rmdir(folder), 0);
}

TestSuite(journal, .init = setup, .fini = teardown);

/* The text of a trial of @rows rows: what the writer would commit, with a field that needs quotes. */
static void put_trial(struct hb_csv_buffer *b, int seq, int rows)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%d", seq);
	for (int r = 0; r < rows; r++) {
		for (int c = 0; c < HB_COLUMN_COUNT; c++) {
			const char *field = c == HB_COLUMN_SEQ ? text
					    : c == HB_COLUMN_METRIC
						    ? r == rows - 1 ? HB_COMMIT_METRIC : "value"
					    : c == HB_COLUMN_DETAIL ? "a \"quoted\",\r\nline"
								    : "x";

			hb_csv_put_text(b, field);
		}
		hb_csv_end_record(b);
	}
}

static void put_header(struct hb_csv_buffer *b)
{
	for (int c = 0; c < HB_COLUMN_COUNT; c++)
		hb_csv_put_text(b, hb_column_names[c]);
	hb_csv_end_record(b);
}

static void write_file(const char *text, size_t bytes)
{
	FILE *file = fopen(path, "w");

	cr_assert(file);
	cr_assert_eq(fwrite(text, 1, bytes, file), bytes);
	cr_assert_eq(fclose(file), 0);
}

struct seen {
	int seqs[64];
	size_t count;
};

static int see(const struct hb_journal_trial *trial, void *user, struct hb_error *reterr)
{
	struct seen *seen = user;

	(void)reterr;
	cr_assert(trial->row_count >= 1);
	cr_assert_str_eq(trial->rows[trial->row_count - 1][HB_COLUMN_METRIC], HB_COMMIT_METRIC);
	cr_assert(seen->count < 64);
	seen->seqs[seen->count++] = (int)strtol(trial->rows[0][HB_COLUMN_SEQ], NULL, 10);
	return 0;
}

/* Header and trials 0 ... 3; @ends[i] is the offset after trial i-1 (ends[0]: after the header). */
static struct hb_csv_buffer make_file(uint64_t ends[5])
{
	struct hb_csv_buffer b = {0};

	put_header(&b);
	ends[0] = b.length_bytes;
	for (int t = 0; t < 4; t++) {
		put_trial(&b, t, t + 1);
		ends[t + 1] = b.length_bytes;
	}
	return b;
}

/* What must be read of the first @cut bytes: every trial whose last byte is there. */
static void check_read(size_t cut, const uint64_t ends[5])
{
	struct seen seen = {0};
	struct hb_error error = {0};
	uint64_t committed = UINT64_MAX;
	size_t expected = 0;

	while (expected < 4 && ends[expected + 1] <= cut)
		expected++;
	cr_assert_eq(hb_journal_read(path, see, &seen, &committed, &error), 0, "cut at %zu: %s",
		cut, error.text);
	cr_assert_eq(
		seen.count, expected, "cut at %zu: %zu trials, not %zu", cut, seen.count, expected);
	for (size_t i = 0; i < expected; i++)
		cr_assert_eq(seen.seqs[i], (int)i);
	cr_assert_eq(committed, cut < ends[0] ? 0 : ends[expected], "cut at %zu", cut);
}

Test(journal, a_file_cut_at_any_byte_gives_its_committed_trials)
{
	uint64_t ends[5];
	struct hb_csv_buffer b = make_file(ends);

	for (size_t cut = 0; cut <= b.length_bytes; cut++) {
		write_file(b.text, cut);
		check_read(cut, ends);
	}
	hb_csv_buffer_finish(&b);
}

Test(journal, a_tail_of_zeros_after_any_byte_is_no_trial)
{
	uint64_t ends[5];
	struct hb_csv_buffer b = make_file(ends);
	char *text = calloc(1, b.length_bytes + 5000);

	cr_assert(text);
	for (size_t cut = (size_t)ends[0]; cut <= b.length_bytes; cut++) {
		memcpy(text, b.text, cut);
		memset(text + cut, 0, b.length_bytes + 5000 - cut);
		write_file(text, cut + 1 + (cut * 37) % 4999);
		check_read(cut, ends);
	}
	free(text);
	hb_csv_buffer_finish(&b);
}

Test(journal, a_page_of_zeros_inside_the_last_trial_voids_only_that_trial)
{
	uint64_t ends[5];
	struct hb_csv_buffer b = make_file(ends);
	struct seen seen = {0};
	uint64_t committed;

	memset(b.text + ends[3] + 10, 0, 60);
	write_file(b.text, b.length_bytes);
	cr_assert_eq(hb_journal_read(path, see, &seen, &committed, NULL), 0);
	cr_assert_eq(seen.count, 3);
	cr_assert_eq(committed, ends[3]);
	hb_csv_buffer_finish(&b);
}

Test(journal, a_single_zero_byte_anywhere_in_the_last_trial_voids_it)
{
	uint64_t ends[5];
	struct hb_csv_buffer b = make_file(ends);

	for (uint64_t at = ends[3]; at < ends[4]; at++) {
		struct seen seen = {0};
		uint64_t committed = 0;
		char kept = b.text[at];

		b.text[at] = '\0';
		write_file(b.text, b.length_bytes);
		b.text[at] = kept;
		cr_assert_eq(hb_journal_read(path, see, &seen, &committed, NULL), 0, "byte %llu",
			(unsigned long long)at);
		cr_assert_eq(seen.count, 3, "byte %llu", (unsigned long long)at);
		cr_assert_eq(committed, ends[3]);
	}
	hb_csv_buffer_finish(&b);
}

Test(journal, damage_before_the_last_trial_is_an_error_and_not_a_tail)
{
	uint64_t ends[5];
	struct hb_csv_buffer b = make_file(ends);
	struct seen seen = {0};
	struct hb_error error = {0};

	memset(b.text + ends[1] + 10, 0, 20);
	write_file(b.text, b.length_bytes);
	cr_assert_eq(hb_journal_read(path, see, &seen, NULL, &error), -EBADMSG);
	cr_assert(error.line > 0);
	cr_assert(strstr(error.path, "trials.csv"));
	hb_csv_buffer_finish(&b);
}

Test(journal, reordered_and_unknown_columns_are_read_and_a_missing_one_is_named)
{
	struct hb_csv_buffer b = {0};
	struct seen seen = {0};
	struct hb_error error = {0};

	hb_csv_put_text(&b, "novelty");
	for (int c = HB_COLUMN_COUNT - 1; c >= 0; c--)
		hb_csv_put_text(&b, hb_column_names[c]);
	hb_csv_end_record(&b);
	hb_csv_put_text(&b, "?");
	for (int c = HB_COLUMN_COUNT - 1; c >= 0; c--)
		hb_csv_put_text(&b, c == HB_COLUMN_SEQ      ? "7"
				    : c == HB_COLUMN_METRIC ? HB_COMMIT_METRIC
							    : "");
	hb_csv_end_record(&b);
	write_file(b.text, b.length_bytes);
	cr_assert_eq(hb_journal_read(path, see, &seen, NULL, NULL), 0);
	cr_assert_eq(seen.count, 1);
	cr_assert_eq(seen.seqs[0], 7);

	hb_csv_buffer_reset(&b);
	for (int c = 0; c < HB_COLUMN_COUNT; c++)
		if (c != HB_COLUMN_STATUS)
			hb_csv_put_text(&b, hb_column_names[c]);
	hb_csv_end_record(&b);
	write_file(b.text, b.length_bytes);
	cr_assert_eq(hb_journal_read(path, see, &seen, NULL, &error), -EBADMSG);
	cr_assert(strstr(error.text, "status"));
	hb_csv_buffer_finish(&b);
}

Test(journal, what_is_committed_is_read_back_after_any_crash_and_recovery)
{
	struct hb_journal *j;
	struct hb_csv_buffer b = {0};
	struct seen seen = {0};
	uint64_t bytes, committed, cut, next;

	cr_assert_eq(hb_journal_lock(folder, &j, &bytes, NULL), 0);
	cr_assert_eq(bytes, 0);
	cr_assert_eq(hb_journal_start(j, NULL), 0);
	put_trial(&b, 0, 3);
	cr_assert_eq(
		hb_journal_put_hist(j, 41, "latency", 0.5, 0.25, 1000000, "HISTFAAA", NULL), 0);
	cr_assert_eq(hb_journal_sync_hists(j, NULL), 0);
	cr_assert_eq(hb_journal_put_log(j, 3, "hello", 5, 9, NULL), 0);
	cr_assert_eq(hb_journal_put_figure(j, 57, "field", "{}", NULL), 0);
	cr_assert_eq(hb_journal_commit(j, &b, NULL), 0);
	hb_csv_buffer_reset(&b);
	put_trial(&b, 1, 3);
	b.length_bytes -= 10; /* torn */
	cr_assert_eq(hb_journal_commit(j, &b, NULL), 0);
	hb_journal_close(j);

	cr_assert_eq(hb_journal_lock(folder, &j, &bytes, NULL), 0);
	cr_assert_eq(hb_journal_read(path, see, &seen, &committed, NULL), 0);
	cr_assert_eq(seen.count, 1);
	cr_assert_eq(hb_journal_recover(j, committed, &cut, &next, NULL), 0);
	cr_assert_eq(cut, b.length_bytes);
	cr_assert_eq(next, 58, "above the highest number in hist.hlog and logs/");
	hb_csv_buffer_reset(&b);
	put_trial(&b, 2, 3);
	cr_assert_eq(hb_journal_commit(j, &b, NULL), 0);
	hb_journal_close(j);
	seen.count = 0;
	cr_assert_eq(hb_journal_read(path, see, &seen, NULL, NULL), 0);
	cr_assert_eq(seen.count, 2);
	cr_assert_eq(seen.seqs[1], 2);
	hb_csv_buffer_finish(&b);
}

Test(journal, a_second_runner_is_refused_and_told_who_has_the_folder)
{
	struct hb_journal *j, *other;
	struct hb_error error = {0};
	char pid[32];

	cr_assert_eq(hb_journal_lock(folder, &j, NULL, NULL), 0);
	cr_assert_eq(hb_journal_lock(folder, &other, NULL, &error), -EBUSY);
	(void)snprintf(pid, sizeof(pid), "process %d ", (int)getpid());
	cr_assert(strstr(error.text, pid), "%s", error.text);
	hb_journal_close(j);
	cr_assert_eq(hb_journal_lock(folder, &j, NULL, NULL), 0);
	hb_journal_close(j);
}
