/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The writing half of journal.h. A crash may tear the last trial only: everything a trial leaves behind is on the disk
 * before its commit mark, and its commit mark before the next trial starts.
 */
#include "journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/file.h>

#include "figure.h"
#include "lock.h"

struct hb_journal {
	char *folder;
	int folder_fd, rows_fd, hists_fd, logs_fd;
	bool failed; /* a write failed: what the file ends with is unknown */
};

static int fault(const struct hb_journal *j, const char *name, int code, struct hb_error *reterr)
{
	char path[HB_ERROR_PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s", j->folder, name);
	return hb_error_set_at(reterr, code, path, 0, "%s%s", strerror(-code),
		code == -ENOSPC || code == -EDQUOT
			? "; what is committed stays: make room, then 'hotbed resume'"
			: "");
}

/*
 * A runner that was killed while it started a trial leaves a child that holds the lock until its exec: a moment. So a
 * taken lock is tried again for half a second before it counts as another runner's.
 */
static int lock_file(int fd)
{
	const struct timespec pause = {0, 20000000};

	for (int tries = 0; tries < 25; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -1;
		(void)nanosleep(&pause, NULL);
	}
	errno = EWOULDBLOCK;
	return -1;
}

int hb_journal_lock(
	const char *folder, struct hb_journal **ret, uint64_t *ret_bytes, struct hb_error *reterr)
{
	struct hb_journal *j = calloc(1, sizeof(*j));
	struct stat info = {0};
	int error = 0;

	if (!j || !(j->folder = strdup(folder))) {
		free(j);
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	}
	j->rows_fd = j->hists_fd = j->logs_fd = -1;
	j->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->folder_fd < 0)
		error = fault(j, "", -errno, reterr);
	if (!error) {
		j->rows_fd = openat(j->folder_fd, "trials.csv",
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
		if (j->rows_fd < 0)
			error = fault(j, "trials.csv", -errno, reterr);
	}
	if (!error && lock_file(j->rows_fd) < 0) {
		char holder[HB_LOCK_HOLDER_BYTES];

		error = errno == EWOULDBLOCK ? hb_error_set_at(reterr, -EBUSY, folder, 0,
						       "%s is working in this folder; wait for it, "
						       "or choose another with --out",
						       hb_lock_holder(j->rows_fd, holder))
					     : fault(j, "trials.csv", -errno, reterr);
	}
	if (!error && fstat(j->rows_fd, &info) < 0)
		error = fault(j, "trials.csv", -errno, reterr);
	if (error) {
		hb_journal_close(j);
		return error;
	}
	*ret = j;
	if (ret_bytes)
		*ret_bytes = (uint64_t)info.st_size;
	return 0;
}

void hb_journal_close(struct hb_journal *journal)
{
	if (!journal)
		return;
	const int fds[] = {
		journal->rows_fd, journal->hists_fd, journal->logs_fd, journal->folder_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	free(journal->folder);
	free(journal);
}

static int put_header(struct hb_journal *j, struct hb_error *reterr)
{
	struct hb_csv_buffer header = {0};

	for (int c = 0; c < HB_COLUMN_COUNT; c++)
		hb_csv_put_text(&header, hb_column_names[c]);
	hb_csv_end_record(&header);
	int error = header.failed;

	if (!error)
		error = hb_file_write(j->rows_fd, header.text, header.length_bytes);
	hb_csv_buffer_finish(&header);
	if (!error && fdatasync(j->rows_fd) < 0)
		error = -errno;
	return error ? fault(j, "trials.csv", error, reterr) : 0;
}

static int open_hists(struct hb_journal *j)
{
	if (j->hists_fd < 0)
		j->hists_fd = openat(
			j->folder_fd, "hist.hlog", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	return j->hists_fd < 0 ? -errno : 0;
}

static int put_hist_header(struct hb_journal *j, struct hb_error *reterr)
{
	char text[256], utc[HB_CLOCK_UTC_BYTES];
	int64_t now_ns = hb_clock_wall_ns();
	int length = snprintf(text, sizeof(text),
		"#[Histogram log format version 1.3]\n"
		"#[StartTime: %.3f (seconds since epoch), %s]\n"
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_"
		"Histogram\"\n",
		(double)now_ns / 1e9, hb_clock_format_utc(now_ns, utc));
	int error = open_hists(j);

	if (!error)
		error = hb_file_write(j->hists_fd, text, (size_t)length);
	if (!error && fdatasync(j->hists_fd) < 0)
		error = -errno;
	return error ? fault(j, "hist.hlog", error, reterr) : 0;
}

int hb_journal_start(struct hb_journal *journal, struct hb_error *reterr)
{
	int error = put_header(journal, reterr);

	if (!error)
		error = put_hist_header(journal, reterr);
	if (!error && fsync(journal->folder_fd) < 0)
		error = fault(journal, "", -errno, reterr);
	return error;
}

/* ---- recovery ---- */

static void raise_seq(uint64_t seq, uint64_t *next)
{
	if (seq >= *next && seq < UINT64_MAX)
		*next = seq + 1;
}

/* Find the end of the last whole line of hist.hlog and the highest seq in its tags. */
static int scan_hists(int fd, uint64_t *ret_end, uint64_t *next_seq)
{
	static const char tag[] = "Tag=";
	char chunk[65536];
	uint64_t offset = 0, end = 0, seq = 0;
	size_t matched = 0;
	bool at_start = true, in_seq = false;

	for (;;) {
		ssize_t got = pread(fd, chunk, sizeof(chunk), (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		for (ssize_t i = 0; i < got; i++) {
			char c = chunk[i];

			if (in_seq && c >= '0' && c <= '9' && seq < UINT64_MAX / 16) {
				seq = 10 * seq + (uint64_t)(c - '0');
			} else if (in_seq) {
				raise_seq(seq, next_seq);
				in_seq = false;
			} else if (at_start && c == tag[matched]) {
				if (++matched == sizeof(tag) - 1) {
					in_seq = true;
					at_start = false;
					seq = 0;
				}
			} else {
				at_start = false;
			}
			if (c == '\n') {
				end = offset + (uint64_t)i + 1;
				at_start = true;
				matched = 0;
			}
		}
		offset += (uint64_t)got;
	}
	*ret_end = end;
	return 0;
}

static int scan_logs(const struct hb_journal *j, uint64_t *next_seq)
{
	int fd = openat(j->folder_fd, "logs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	DIR *dir = fdopendir(fd);

	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	for (const struct dirent *entry; (entry = readdir(dir));) {
		char *end;
		unsigned long long seq = strtoull(entry->d_name, &end, 10);

		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' &&
			(!strcmp(end, ".txt") || *end == '-'))
			raise_seq(seq, next_seq);
	}
	(void)closedir(dir);
	return 0;
}

static int recover_hists(struct hb_journal *j, uint64_t *next_seq, struct hb_error *reterr)
{
	uint64_t end = 0;
	int error = open_hists(j);

	if (!error)
		error = scan_hists(j->hists_fd, &end, next_seq);
	if (!error && ftruncate(j->hists_fd, (off_t)end) < 0)
		error = -errno;
	if (error)
		return fault(j, "hist.hlog", error, reterr);
	return end == 0 ? put_hist_header(j, reterr) : 0;
}

int hb_journal_recover(struct hb_journal *journal, uint64_t committed_bytes,
	uint64_t *ret_cut_bytes, uint64_t *ret_next_seq, struct hb_error *reterr)
{
	struct stat info;
	uint64_t next_seq = 0, cut = 0;
	int error = 0;

	if (fstat(journal->rows_fd, &info) < 0)
		return fault(journal, "trials.csv", -errno, reterr);
	hb_assert((uint64_t)info.st_size >= committed_bytes);
	cut = (uint64_t)info.st_size - committed_bytes;
	if (cut > 0 && (ftruncate(journal->rows_fd, (off_t)committed_bytes) < 0 ||
			       fsync(journal->rows_fd) < 0))
		return fault(journal, "trials.csv", -errno, reterr);
	if (committed_bytes == 0)
		error = put_header(journal, reterr);
	if (!error)
		error = recover_hists(journal, &next_seq, reterr);
	if (!error) {
		error = scan_logs(journal, &next_seq);
		if (error)
			(void)fault(journal, "logs", error, reterr);
	}
	if (error)
		return error;
	*ret_cut_bytes = cut;
	*ret_next_seq = next_seq;
	return 0;
}

/* ---- one trial ---- */

int hb_journal_put_hist(struct hb_journal *journal, uint64_t seq, const char *name, double start_s,
	double length_s, int64_t max, const char *data, struct hb_error *reterr)
{
	char *line;
	int error = open_hists(journal);
	/* Interval_Max is in ms when values are ns, as the viewers expect. */
	int length =
		error ? 0
		      : asprintf(&line, "Tag=%llu:%s,%.3f,%.3f,%.3f,%s\n", (unsigned long long)seq,
				name, start_s, length_s, (double)max / 1e6, data);

	if (!error && length < 0)
		error = -ENOMEM;
	if (!error) {
		error = hb_file_write(journal->hists_fd, line, (size_t)length);
		free(line);
	}
	return error ? fault(journal, "hist.hlog", error, reterr) : 0;
}

int hb_journal_sync_hists(struct hb_journal *journal, struct hb_error *reterr)
{
	if (fdatasync(journal->hists_fd) < 0)
		return fault(journal, "hist.hlog", -errno, reterr);
	return 0;
}

static int open_logs(struct hb_journal *j)
{
	if (j->logs_fd >= 0)
		return 0;
	if (mkdirat(j->folder_fd, "logs", 0777) < 0 && errno != EEXIST)
		return -errno;
	j->logs_fd = openat(j->folder_fd, "logs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return j->logs_fd < 0 ? -errno : 0;
}

/* @note: follows @text, NULL = nothing. */
static int put_file(struct hb_journal *journal, const char *name, const char *text,
	size_t text_bytes, const char *note, struct hb_error *reterr)
{
	int error = open_logs(journal), fd = -1;

	if (!error) {
		fd = openat(journal->logs_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		error = fd < 0 ? -errno : 0;
	}
	if (!error)
		error = hb_file_write(fd, text, text_bytes);
	if (!error && note)
		error = hb_file_write(fd, note, strlen(note));
	if (!error && fsync(fd) < 0)
		error = -errno;
	if (fd >= 0)
		(void)close(fd);
	return error ? fault(journal, "logs", error, reterr) : 0;
}

int hb_journal_put_log(struct hb_journal *journal, uint64_t seq, const char *text,
	size_t text_bytes, uint64_t total_bytes, struct hb_error *reterr)
{
	char name[64], note[96];

	(void)snprintf(name, sizeof(name), "%llu.txt", (unsigned long long)seq);
	(void)snprintf(note, sizeof(note), "\n[... %llu more bytes were not kept]\n",
		(unsigned long long)(total_bytes - text_bytes));
	return put_file(
		journal, name, text, text_bytes, total_bytes > text_bytes ? note : NULL, reterr);
}

int hb_journal_put_figure(struct hb_journal *journal, uint64_t seq, const char *name,
	const char *spec, struct hb_error *reterr)
{
	char file[128];

	(void)snprintf(
		file, sizeof(file), "%llu-%.64s" HB_FIGURE_SUFFIX, (unsigned long long)seq, name);
	return put_file(journal, file, spec, strlen(spec), "\n", reterr);
}

int hb_journal_commit(
	struct hb_journal *journal, const struct hb_csv_buffer *rows, struct hb_error *reterr)
{
	hb_assert(!journal->failed);
	struct stat info;
	int error = rows->failed;

	/* Of a file that was removed nothing will be left: better to stop now than at the end of the run. */
	if (!error && fstat(journal->rows_fd, &info) == 0 && info.st_nlink == 0) {
		journal->failed = true;
		return hb_error_set_at(reterr, -EIO, journal->folder, 0,
			"trials.csv was removed while the run was going on; start a new run");
	}
	if (!error)
		error = hb_file_write(journal->rows_fd, rows->text, rows->length_bytes);
	if (!error && fdatasync(journal->rows_fd) < 0)
		error = -errno;
	if (error) {
		journal->failed = true;
		return fault(journal, "trials.csv", error, reterr);
	}
	return 0;
}
