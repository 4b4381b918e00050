/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the folder of an array task into the run's journal: evidence first, then each block in one write. */
#include "slurm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json.h>

#include "figure.h"
#include "journal.h"
#include "row.h"

/* Beyond what a trial may print or draw (supervise.h, protocol.h). */
#define EVIDENCE_BYTES_MAX ((off_t)8 << 20)

/* A block that goes into the journal. */
struct piece {
	uint32_t index;
	struct hb_csv_buffer rows;
};

/* A trial's number in the part and in the run. */
struct renumbered {
	uint64_t from, to;
};

struct collection {
	struct hb_session *session;
	const char *part;
	struct hb_blocks *there; /* where the part stands */
	struct piece *pieces;
	struct renumbered *trials;
	size_t piece_count, trial_count, trial_capacity;
};

static int no_memory(struct hb_error *reterr)
{
	return hb_error_set(reterr, -ENOMEM, "out of memory");
}

static char *join(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* ---- which trials, and their rows ---- */

static struct piece *find_piece(const struct collection *c, uint32_t index)
{
	for (size_t i = c->piece_count; i > 0; i--)
		if (c->pieces[i - 1].index == index)
			return &c->pieces[i - 1];
	return NULL;
}

static int add_piece(struct collection *c, uint32_t index, struct piece **ret)
{
	struct piece *grown = realloc(c->pieces, (c->piece_count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	c->pieces = grown;
	grown[c->piece_count] = (struct piece){.index = index};
	*ret = &grown[c->piece_count++];
	return 0;
}

static int renumber(struct collection *c, uint64_t from, uint64_t to)
{
	if (c->trial_count == c->trial_capacity) {
		size_t capacity = c->trial_capacity ? 2 * c->trial_capacity : 64;
		struct renumbered *grown = realloc(c->trials, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		c->trials = grown;
		c->trial_capacity = capacity;
	}
	c->trials[c->trial_count++] = (struct renumbered){from, to};
	return 0;
}

/* The part's numbers ascend in its file wherever trials end in the order in which they began; not always. */
static const struct renumbered *find_trial(const struct collection *c, uint64_t from)
{
	for (size_t i = 0; i < c->trial_count; i++)
		if (c->trials[i].from == from)
			return &c->trials[i];
	return NULL;
}

static int take(const struct hb_journal_trial *trial, uint32_t index, uint64_t seq, void *user,
	struct hb_error *reterr)
{
	struct collection *c = user;
	char number[24];

	if (!hb_blocks_is_closed(c->there, index) || hb_blocks_is_closed(c->session->blocks, index))
		return 1;
	struct piece *piece = find_piece(c, index);

	if ((!piece && add_piece(c, index, &piece)) || renumber(c, seq, c->session->next_seq))
		return no_memory(reterr);
	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)c->session->next_seq++);
	for (size_t i = 0; i < trial->row_count; i++) {
		for (int column = 0; column < HB_COLUMN_COUNT; column++)
			hb_csv_put_text(&piece->rows,
				column == HB_COLUMN_SEQ ? number : trial->rows[i][column]);
		hb_csv_end_record(&piece->rows);
	}
	return piece->rows.failed ? no_memory(reterr) : 1;
}

/* The trials of the pieces, for the session's own account. */
static int was_taken(const struct hb_journal_trial *trial, uint32_t index, uint64_t seq, void *user,
	struct hb_error *reterr)
{
	(void)trial;
	(void)seq;
	(void)reterr;
	return find_piece(user, index) ? 0 : 1;
}

/* ---- histograms, logs and figures ---- */

/* "Tag=SEQ:NAME,start,length,max,data" */
static int copy_hist(struct collection *c, char *line, struct hb_error *reterr)
{
	char *name, *fields[5];
	double numbers[3];

	if (strncmp(line, "Tag=", 4) != 0)
		return 0;
	unsigned long long seq = strtoull(line + 4, &name, 10);
	const struct renumbered *trial = find_trial(c, seq);

	if (!trial || *name != ':')
		return 0;
	fields[0] = name + 1;
	for (int i = 1; i < 5; i++) {
		fields[i] = strchr(fields[i - 1], ',');
		if (!fields[i])
			return 0;
		*fields[i]++ = '\0';
	}
	fields[4][strcspn(fields[4], "\r\n")] = '\0';
	for (int i = 0; i < 3; i++)
		if (hb_csv_parse_double(fields[i + 1], &numbers[i]) || !(numbers[i] >= 0) ||
			numbers[i] > 9e12)
			return 0;
	return hb_journal_put_hist(c->session->journal, trial->to, fields[0], numbers[0],
		numbers[1], (int64_t)(numbers[2] * 1e6), fields[4], reterr);
}

static int copy_hists(struct collection *c, struct hb_error *reterr)
{
	char *path = join(c->part, "hist.hlog"), *line = NULL;
	FILE *file = path ? fopen(path, "re") : NULL;
	size_t capacity = 0;
	int error = !path ? no_memory(reterr) : 0;

	free(path);
	while (file && !error && getline(&line, &capacity, file) > 0)
		error = copy_hist(c, line, reterr);
	free(line);
	if (!file)
		return error;
	(void)fclose(file);
	return error ? error : hb_journal_sync_hists(c->session->journal, reterr);
}

/* The content of a small file, ended by NUL; NULL if it cannot be read. */
static char *read_small(int folder, const char *name, size_t *ret_bytes)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat info;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= EVIDENCE_BYTES_MAX)
		text = malloc((size_t)info.st_size + 1);
	ssize_t got = text ? pread(fd, text, (size_t)info.st_size, 0) : -1;

	(void)close(fd);
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[got] = '\0';
	*ret_bytes = (size_t)got;
	return text;
}

static int copy_log(
	const struct collection *c, int folder, const char *name, struct hb_error *reterr)
{
	static const char suffix[] = HB_FIGURE_SUFFIX;
	char figure[80], *end;
	size_t bytes = 0;
	unsigned long long seq = strtoull(name, &end, 10);
	const struct renumbered *trial = end != name ? find_trial(c, seq) : NULL;
	size_t length = strlen(end);
	bool is_figure = *end == '-' && length > sizeof(suffix) &&
			 length - sizeof(suffix) < sizeof(figure) &&
			 !strcmp(end + length - sizeof(suffix) + 1, suffix);

	if (!trial || (!is_figure && strcmp(end, ".txt") != 0))
		return 0;
	char *text = read_small(folder, name, &bytes);
	int error = 0;

	if (text && is_figure) {
		(void)snprintf(
			figure, sizeof(figure), "%.*s", (int)(length - sizeof(suffix)), end + 1);
		error = hb_journal_put_figure(c->session->journal, trial->to, figure, text, reterr);
	} else if (text) {
		error = hb_journal_put_log(
			c->session->journal, trial->to, text, bytes, bytes, reterr);
	}
	free(text);
	return error;
}

static int copy_logs(const struct collection *c, struct hb_error *reterr)
{
	char *path = join(c->part, "logs");
	DIR *folder = path ? opendir(path) : NULL;
	int error = !path ? no_memory(reterr) : 0;

	free(path);
	for (const struct dirent *entry; folder && !error && (entry = readdir(folder));)
		error = copy_log(c, dirfd(folder), entry->d_name, reterr);
	if (folder)
		(void)closedir(folder);
	return error;
}

/* Another node may have other settings: its description stands beside the head's. */
static int copy_env(const struct collection *c, struct hb_error *reterr)
{
	cJSON *env = NULL;
	char *path = join(c->part, "env.json");
	int error = path ? hb_json_read_file(path, 0, &env, NULL) : -ENOMEM;
	const char *env_id = hb_json_text_or(env, "env_id", "");
	const char *build_id = hb_json_text_or(env, "build_id", "");
	char name[64], *to = NULL;

	free(path);
	if (!error && strlen(env_id) == 12 && strlen(build_id) == 12 &&
		strspn(env_id, "0123456789abcdef") == 12 &&
		strspn(build_id, "0123456789abcdef") == 12 &&
		strcmp(env_id, c->session->plan.env_id) != 0) {
		(void)snprintf(name, sizeof(name), "env-%s-%s.json", env_id, build_id);
		to = join(c->session->folder, name);
		error = !to                     ? no_memory(reterr)
			: access(to, F_OK) == 0 ? 0
						: hb_json_write_file(to, env, reterr);
		free(to);
	} else {
		error = 0;
	}
	cJSON_Delete(env);
	return error;
}

/* ---- the whole ---- */

static int save(struct collection *c, struct hb_error *reterr)
{
	int error = copy_env(c, reterr);

	if (!error)
		error = copy_hists(c, reterr);
	if (!error)
		error = copy_logs(c, reterr);
	for (size_t i = 0; !error && i < c->piece_count; i++)
		error = hb_journal_commit(c->session->journal, &c->pieces[i].rows, reterr);
	if (error)
		return error;
	error = hb_session_replay(
		&c->session->plan, c->part, c->session->blocks, was_taken, c, reterr);
	/* They are in the journal now: a part that changed meanwhile must not be taken for one to leave out. */
	return error == -EBADMSG || error == -E2BIG ? -EIO : error;
}

int hb_slurm_collect(
	struct hb_session *session, const char *part, uint32_t *ret_blocks, struct hb_error *reterr)
{
	struct collection c = {.session = session, .part = part};
	int error = hb_blocks_create(&session->plan, &c.there) ? no_memory(reterr) : 0;

	if (!error)
		error = hb_session_replay(&session->plan, part, c.there, NULL, NULL, reterr);
	if (!error)
		error = hb_session_replay(&session->plan, part, c.there, take, &c, reterr);
	if (!error && c.piece_count > 0)
		error = save(&c, reterr);
	if (!error)
		*ret_blocks = (uint32_t)c.piece_count;
	for (size_t i = 0; i < c.piece_count; i++)
		hb_csv_buffer_finish(&c.pieces[i].rows);
	free(c.pieces);
	free(c.trials);
	hb_blocks_destroy(c.there);
	return error;
}
