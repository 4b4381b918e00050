/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several plans into one, then the trials of each run with their numbers moved. */
#include "merge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "hotbed/csv.h"
#include "hotbed/error.h"
#include "hotbed/json.h"
#include "journal.h"
#include "plan.h"

/* One run given. */
struct source {
	const char *dir;
	struct hb_plan plan;
};

/* The run that is being made. */
struct merged {
	struct source *sources;
	size_t count;
	const char *out;
	cJSON *plan;         /* without blocks: there is nothing left to execute */
	struct hb_plan view; /* @plan read back: names to indices */
	FILE *csv, *hlog;
	struct hb_csv_buffer buffer;
	uint32_t *block_offsets; /* shape [view.experiment_count]: blocks of earlier sources */
	uint32_t *blocks_here;   /* the same for the source at hand */
	uint64_t seq_offset, seq_here;
	char **run_ids; /* whose trials are there already */
	size_t run_id_count, run_ids_before;
};

static char *join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* ---- the plan ---- */

static int load_sources(
	struct merged *merged, const char *const *dirs, size_t count, struct hb_error *reterr)
{
	for (size_t i = 0; i < count; i++) {
		struct source *source = &merged->sources[merged->count];
		char *path = join(dirs[i], "plan.json");
		bool twice = false;
		int r = path ? hb_plan_load(path, &source->plan, reterr)
			     : hb_error_set(reterr, -ENOMEM, "out of memory");

		free(path);
		if (r)
			return r;
		for (size_t k = 0; k < merged->count; k++)
			twice |= !strcmp(merged->sources[k].plan.run_id, source->plan.run_id);
		if (twice) {
			hb_plan_finish(&source->plan);
			continue;
		}
		source->dir = dirs[i];
		merged->count++;
	}
	return 0;
}

/* Index of @driver in @drivers, appended if no equal one is there; -ENOMEM. */
static int add_driver(cJSON *drivers, const cJSON *driver)
{
	const cJSON *item;
	cJSON *copy;
	int index = 0;

	cJSON_ArrayForEach(item, drivers)
	{
		if (cJSON_Compare(item, driver, true))
			return index;
		index++;
	}
	copy = cJSON_Duplicate(driver, true);
	if (!copy || !cJSON_AddItemToArray(drivers, copy)) {
		cJSON_Delete(copy);
		return -ENOMEM;
	}
	return index;
}

static cJSON *find_experiment(const cJSON *experiments, const cJSON *wanted)
{
	cJSON *item;

	cJSON_ArrayForEach(item, experiments)
	{
		if (!strcmp(hb_json_text_or(item, "subproject", ""),
			    hb_json_text_or(wanted, "subproject", "")) &&
			!strcmp(hb_json_text_or(item, "experiment", ""),
				hb_json_text_or(wanted, "experiment", "")))
			return item;
	}
	return NULL;
}

/* The member of the description that belongs to an experiment of a plan. */
static const cJSON *description(const cJSON *drivers, const cJSON *experiment)
{
	const cJSON *index = cJSON_GetObjectItemCaseSensitive(experiment, "driver");
	const cJSON *driver = cJSON_GetArrayItem(drivers, index ? index->valueint : -1);
	const cJSON *describe = cJSON_GetObjectItemCaseSensitive(driver, "describe"), *item;
	const char *name = hb_json_text_or(experiment, "experiment", "");
	size_t length = strcspn(name, ":");

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(describe, "experiments"))
	{
		const char *own = hb_json_text_or(item, "name", "");

		if (strlen(own) == length && !memcmp(own, name, length))
			return item;
	}
	return NULL;
}

static bool same_member(const cJSON *a, const cJSON *b, const char *key)
{
	return cJSON_Compare(cJSON_GetObjectItemCaseSensitive(a, key),
		cJSON_GetObjectItemCaseSensitive(b, key), true);
}

static int add_points(cJSON *into, const cJSON *from)
{
	cJSON *points = cJSON_GetObjectItemCaseSensitive(into, "points"), *copy;
	const cJSON *point, *item;

	cJSON_ArrayForEach(point, cJSON_GetObjectItemCaseSensitive(from, "points"))
	{
		bool there = false;

		cJSON_ArrayForEach(item, points) there |= same_member(item, point, "params");
		if (there)
			continue;
		copy = cJSON_Duplicate(point, true);
		if (!copy || !cJSON_AddItemToArray(points, copy)) {
			cJSON_Delete(copy);
			return -ENOMEM;
		}
	}
	return 0;
}

/* The same experiment a second time: its rows must mean the same. */
static int join_experiment(cJSON *there, const cJSON *experiment, const cJSON *old,
	const cJSON *described, struct hb_error *reterr)
{
	static const char *const members[] = {"metrics", "variants", "unseeded"};
	cJSON *blocks = cJSON_GetObjectItemCaseSensitive(there, "blocks");
	const cJSON *more = cJSON_GetObjectItemCaseSensitive(experiment, "blocks");
	const char *differs = NULL;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (!same_member(old, described, members[i]))
			differs = members[i];
	}
	if (!same_member(there, experiment, "variants") ||
		!same_member(there, experiment, "baseline"))
		differs = "variants";
	if (differs)
		return hb_error_set(reterr, -EBADMSG,
			"%s/%s: the runs describe different %s, so their rows cannot be put "
			"together; merge only runs of the same tables",
			hb_json_text_or(experiment, "subproject", ""),
			hb_json_text_or(experiment, "experiment", ""), differs);
	/* Where one run may have stopped early, the joined blocks are judged by that run's stricter level. */
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(experiment, "until_ci")))
		(void)cJSON_ReplaceItemInObjectCaseSensitive(there, "until_ci", cJSON_CreateTrue());
	if (blocks && more)
		cJSON_SetNumberValue(blocks, blocks->valuedouble + more->valuedouble);
	if (add_points(there, experiment))
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

static int add_experiments(cJSON *plan, const cJSON *from, struct hb_error *reterr)
{
	cJSON *drivers = cJSON_GetObjectItemCaseSensitive(plan, "drivers");
	cJSON *experiments = cJSON_GetObjectItemCaseSensitive(plan, "experiments");
	const cJSON *own_drivers = cJSON_GetObjectItemCaseSensitive(from, "drivers"), *experiment;
	int r = 0;

	cJSON_ArrayForEach(experiment, cJSON_GetObjectItemCaseSensitive(from, "experiments"))
	{
		const cJSON *index = cJSON_GetObjectItemCaseSensitive(experiment, "driver");
		cJSON *there = find_experiment(experiments, experiment), *copy;
		int driver;

		if (there) {
			r = join_experiment(there, experiment, description(drivers, there),
				description(own_drivers, experiment), reterr);
			if (r)
				return r;
			continue;
		}
		driver = add_driver(
			drivers, cJSON_GetArrayItem(own_drivers, index ? index->valueint : 0));
		copy = driver < 0 ? NULL : cJSON_Duplicate(experiment, true);
		if (!copy || !cJSON_AddItemToArray(experiments, copy)) {
			cJSON_Delete(copy);
			return hb_error_set(reterr, -ENOMEM, "out of memory");
		}
		cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(copy, "driver"), driver);
	}
	return 0;
}

/* The ids' common value, or a hash of the different ones: equal only for equal mixtures. */
static void mix_ids(const struct merged *merged, size_t offset, char *ret, size_t digits)
{
	const char *first = *(const char *const *)((const char *)&merged->sources[0].plan + offset);
	XXH64_hash_t hash = 0;
	bool same = true;

	for (size_t i = 0; i < merged->count; i++) {
		const char *id =
			*(const char *const *)((const char *)&merged->sources[i].plan + offset);

		same &= !strcmp(first, id);
		hash ^= XXH3_64bits(id, strlen(id));
	}
	if (same)
		(void)snprintf(ret, digits + 1, "%s", first);
	else
		(void)snprintf(ret, digits + 1, "%0*" PRIx64, (int)digits,
			(uint64_t)(hash & 0xffffffffffffu));
}

/* A run_id of its own that depends only on the runs: the newest one's time, then a hash of all. */
static void mix_run_id(const struct merged *merged, char *ret)
{
	const char *newest = merged->sources[0].plan.run_id;
	XXH64_hash_t hash = 0;

	for (size_t i = 0; i < merged->count; i++) {
		const char *id = merged->sources[i].plan.run_id;

		hash ^= XXH3_64bits(id, strlen(id));
		newest = strcmp(id, newest) > 0 ? id : newest;
	}
	(void)snprintf(ret, 37, "%.13s-7%03x-8%03x-%012" PRIx64, newest, (unsigned)(hash >> 52),
		(unsigned)(hash >> 40) & 0xfff, (uint64_t)(hash & 0xffffffffffu));
}

static int fill_head(const struct merged *merged, cJSON *plan)
{
	const struct hb_plan *first = &merged->sources[0].plan;
	const char *created = first->created_utc, *mode = first->mode;
	char run_id[64], id[64];
	bool verdicts = true;
	int r = 0;

	for (size_t i = 0; i < merged->count; i++) {
		const struct hb_plan *own = &merged->sources[i].plan;

		created = strcmp(own->created_utc, created) > 0 ? own->created_utc : created;
		mode = strcmp(own->mode, mode) ? "default" : mode;
		verdicts &= own->verdicts;
	}
	mix_run_id(merged, run_id);
	r = hb_json_add_text(plan, "schema", "hotbed.plan/1");
	r |= hb_json_add_text(plan, "run_id", merged->count == 1 ? first->run_id : run_id);
	r |= hb_json_add_text(plan, "created_utc", created);
	r |= hb_json_add_u64(plan, "seed", first->seed);
	r |= hb_json_add_text(plan, "mode", mode);
	r |= hb_json_add_bool(plan, "verdicts", verdicts);
	mix_ids(merged, offsetof(struct hb_plan, host_id), id, 12);
	r |= hb_json_add_text(plan, "host_id", id);
	mix_ids(merged, offsetof(struct hb_plan, env_id), id, 12);
	r |= hb_json_add_text(plan, "env_id", id);
	mix_ids(merged, offsetof(struct hb_plan, build_id), id, 12);
	r |= hb_json_add_text(plan, "build_id", id);
	return r ? -ENOMEM : 0;
}

static int make_plan(struct merged *merged, struct hb_error *reterr)
{
	cJSON *plan = merged->plan = cJSON_CreateObject();
	cJSON *list;
	char *text;
	int r = plan ? fill_head(merged, plan) : -ENOMEM;

	list = r ? NULL : cJSON_AddArrayToObject(plan, "merged_from");
	for (size_t i = 0; list && i < merged->count; i++)
		(void)cJSON_AddItemToArray(
			list, cJSON_CreateString(merged->sources[i].plan.run_id));
	if (!list || !cJSON_AddArrayToObject(plan, "drivers") ||
		!cJSON_AddArrayToObject(plan, "experiments"))
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; !r && i < merged->count; i++) {
		r = add_experiments(plan, merged->sources[i].plan.json, reterr);
		if (r)
			return reterr ? hb_error_wrap(reterr, "%s", merged->sources[i].dir) : r;
	}
	text = cJSON_AddArrayToObject(plan, "blocks") ? cJSON_PrintUnformatted(plan) : NULL;
	if (!text)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	r = hb_plan_parse(text, strlen(text), "the merged plan", &merged->view, reterr);
	cJSON_free(text);
	return r;
}

/* ---- the trials ---- */

static bool is_known_run(struct merged *merged, const char *run_id, int *ret_error)
{
	char **grown;

	for (size_t i = 0; i < merged->run_id_count; i++) {
		if (!strcmp(merged->run_ids[i], run_id))
			return i < merged->run_ids_before;
	}
	grown = realloc(merged->run_ids, (merged->run_id_count + 1) * sizeof(*grown));
	if (!grown) {
		*ret_error = -ENOMEM;
		return false;
	}
	merged->run_ids = grown;
	grown[merged->run_id_count] = strdup(run_id);
	if (!grown[merged->run_id_count])
		*ret_error = -ENOMEM;
	else
		merged->run_id_count++;
	return false;
}

static int find_point(const struct hb_plan_experiment *e, const char *params)
{
	for (size_t p = 0; p < e->point_count; p++) {
		if (!strcmp(e->points[p].params, params))
			return (int)p;
	}
	return -ENOENT;
}

static void put_row(struct merged *merged, const char *const *row, const char *const moved[3])
{
	for (int c = 0; c < HB_COLUMN_COUNT; c++) {
		const char *text = c == HB_COLUMN_POINT   ? moved[0]
				   : c == HB_COLUMN_BLOCK ? moved[1]
				   : c == HB_COLUMN_SEQ   ? moved[2]
							  : row[c];

		hb_csv_put_text(&merged->buffer, text);
	}
	hb_csv_end_record(&merged->buffer);
}

static int copy_trial(const struct hb_journal_trial *trial, void *user, struct hb_error *reterr)
{
	struct merged *merged = user;
	const char *const *row = trial->rows[trial->row_count - 1];
	char point[24], block[24], seq[24];
	const char *const moved[3] = {point, block, seq};
	uint64_t old_block, old_seq;
	int e, p, error = 0;

	if (is_known_run(merged, row[HB_COLUMN_RUN_ID], &error) || error)
		return error ? hb_error_set(reterr, error, "out of memory") : 0;
	e = hb_plan_find_experiment(
		&merged->view, row[HB_COLUMN_SUBPROJECT], row[HB_COLUMN_EXPERIMENT]);
	p = e < 0 ? e : find_point(&merged->view.experiments[e], row[HB_COLUMN_PARAMS]);
	if (p < 0)
		return 0;
	if (hb_csv_parse_u64(row[HB_COLUMN_BLOCK], &old_block) || old_block > UINT32_MAX / 2 ||
		hb_csv_parse_u64(row[HB_COLUMN_SEQ], &old_seq) || old_seq > UINT32_MAX)
		return hb_error_set(reterr, -EBADMSG,
			"block '%.20s' or seq '%.20s' is no number of a trial",
			row[HB_COLUMN_BLOCK], row[HB_COLUMN_SEQ]);
	if (merged->blocks_here[e] < old_block + 1)
		merged->blocks_here[e] = (uint32_t)old_block + 1;
	if (merged->seq_here < old_seq + 1)
		merged->seq_here = old_seq + 1;
	(void)snprintf(point, sizeof(point), "%d", p);
	(void)snprintf(block, sizeof(block), "%" PRIu64, old_block + merged->block_offsets[e]);
	(void)snprintf(seq, sizeof(seq), "%" PRIu64, old_seq + merged->seq_offset);
	for (size_t i = 0; i < trial->row_count; i++)
		put_row(merged, trial->rows[i], moved);
	if (merged->buffer.failed)
		return hb_error_set(reterr, merged->buffer.failed, "out of memory");
	if (fwrite(merged->buffer.text, 1, merged->buffer.length_bytes, merged->csv) !=
		merged->buffer.length_bytes)
		return hb_error_set(
			reterr, -errno, "trials.csv cannot be written: %s", strerror(errno));
	hb_csv_buffer_reset(&merged->buffer);
	return 0;
}

/* ---- histograms and logs ---- */

static int copy_hists(struct merged *merged, const char *dir)
{
	char *path = join(dir, "hist.hlog"), *line = NULL, *end;
	FILE *file = path ? fopen(path, "re") : NULL;
	size_t capacity = 0;
	ssize_t length;

	free(path);
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while ((length = getline(&line, &capacity, file)) > 0) {
		unsigned long seq;

		if (line[length - 1] != '\n')
			break;
		if (strncmp(line, "Tag=", 4) != 0)
			continue;
		seq = strtoul(line + 4, &end, 10);
		if (*end == ':')
			fprintf(merged->hlog, "Tag=%" PRIu64 "%s", seq + merged->seq_offset, end);
	}
	free(line);
	(void)fclose(file);
	return ferror(merged->hlog) ? -EIO : 0;
}

static int copy_file(int from_dir, const char *from, int to_dir, const char *to)
{
	int in = openat(from_dir, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = in < 0 ? -1 : openat(to_dir, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	char buffer[65536];
	ssize_t n = 0;
	int r = in < 0 || out < 0 ? -errno : 0;

	while (!r && (n = read(in, buffer, sizeof(buffer))) > 0) {
		if (write(out, buffer, (size_t)n) != n)
			r = errno ? -errno : -ENOSPC;
	}
	if (!r && n < 0)
		r = -errno;
	if (in >= 0)
		(void)close(in);
	if (out >= 0 && close(out) && !r)
		r = -errno;
	return r;
}

static int copy_logs(const struct merged *merged, const char *dir)
{
	char *from = join(dir, "logs"), *to = join(merged->out, "logs");
	DIR *folder = from ? opendir(from) : NULL;
	int target = -1, r = folder && to ? 0 : -errno;
	const struct dirent *entry;

	if (!r && mkdir(to, 0777) && errno != EEXIST)
		r = -errno;
	if (!r && (target = open(to, O_DIRECTORY | O_RDONLY | O_CLOEXEC)) < 0)
		r = -errno;
	while (!r && (entry = readdir(folder)) != NULL) {
		char name[160], *end;
		unsigned long seq = strtoul(entry->d_name, &end, 10);

		/* What a trial printed, and the figures that it drew. */
		if (end == entry->d_name || strlen(end) > 100 ||
			(strcmp(end, ".txt") != 0 && *end != '-'))
			continue;
		(void)snprintf(name, sizeof(name), "%" PRIu64 "%s", seq + merged->seq_offset, end);
		r = copy_file(dirfd(folder), entry->d_name, target, name);
	}
	if (folder)
		(void)closedir(folder);
	if (target >= 0)
		(void)close(target);
	free(from);
	free(to);
	return r == -ENOENT ? 0 : r;
}

/* ---- the whole ---- */

static int copy_source(struct merged *merged, const struct source *source, struct hb_error *reterr)
{
	char *path = join(source->dir, "trials.csv");
	size_t experiments = merged->view.experiment_count;
	int r;

	memset(merged->blocks_here, 0, experiments * sizeof(*merged->blocks_here));
	merged->seq_here = 0;
	merged->run_ids_before = merged->run_id_count;
	r = path ? hb_journal_read(path, copy_trial, merged, NULL, reterr)
		 : hb_error_set(reterr, -ENOMEM, "out of memory");
	free(path);
	if (r)
		return r;
	r = copy_hists(merged, source->dir);
	if (!r)
		r = copy_logs(merged, source->dir);
	if (r)
		return hb_error_set_at(reterr, r, source->dir, 0,
			"histograms or logs cannot be copied: %s", strerror(-r));
	for (size_t e = 0; e < experiments; e++)
		merged->block_offsets[e] += merged->blocks_here[e];
	merged->seq_offset += merged->seq_here;
	return 0;
}

static int write_env(const struct merged *merged, struct hb_error *reterr)
{
	cJSON *env = cJSON_CreateObject(), *list = NULL;
	char *out = join(merged->out, "env.json");
	int r = env && out ? hb_json_add_text(env, "schema", "hotbed.env/1") : -ENOMEM;

	if (!r)
		list = cJSON_AddArrayToObject(env, "merged");
	for (size_t i = 0; list && i < merged->count; i++) {
		char *path = join(merged->sources[i].dir, "env.json");
		cJSON *own = NULL, *inner, *item;

		if (path && !hb_json_read_file(path, 0, &own, NULL)) {
			/* A merged run's own environments, one by one. */
			inner = cJSON_GetObjectItemCaseSensitive(own, "merged");
			while (cJSON_IsArray(inner) && (item = cJSON_DetachItemFromArray(inner, 0)))
				(void)cJSON_AddItemToArray(list, item);
			if (!cJSON_IsArray(inner)) {
				(void)cJSON_AddItemToArray(list, own);
				own = NULL;
			}
			cJSON_Delete(own);
		}
		free(path);
	}
	r = list ? hb_json_write_file(out, env, reterr)
		 : hb_error_set(reterr, -ENOMEM, "out of memory");
	cJSON_Delete(env);
	free(out);
	return r;
}

static int open_out(struct merged *merged, struct hb_error *reterr)
{
	char *csv = join(merged->out, "trials.csv"), *hlog = join(merged->out, "hist.hlog");
	DIR *folder;
	int entries = 0, r = 0;

	if (mkdir(merged->out, 0777) && errno != EEXIST)
		r = -errno;
	folder = r ? NULL : opendir(merged->out);
	while (folder && readdir(folder))
		entries++;
	if (folder)
		(void)closedir(folder);
	if (!r && entries > 2)
		r = hb_error_set_at(
			reterr, -EEXIST, merged->out, 0, "is not empty; name a new folder");
	else if (r)
		(void)hb_error_set_at(
			reterr, r, merged->out, 0, "cannot be made: %s", strerror(-r));
	if (!r) {
		merged->csv = csv ? fopen(csv, "wxe") : NULL;
		merged->hlog = hlog ? fopen(hlog, "wxe") : NULL;
		if (!merged->csv || !merged->hlog)
			r = hb_error_set_at(reterr, -errno, merged->out, 0, "cannot be written: %s",
				strerror(errno));
	}
	free(csv);
	free(hlog);
	return r;
}

/* plan.json comes last: a folder without one is no run, so a merge that was cut short is seen as such. */
static int write_all(struct merged *merged, struct hb_error *reterr)
{
	char *plan = join(merged->out, "plan.json");
	int r = open_out(merged, reterr);

	for (int c = 0; !r && c < HB_COLUMN_COUNT; c++)
		hb_csv_put_text(&merged->buffer, hb_column_names[c]);
	if (!r) {
		hb_csv_end_record(&merged->buffer);
		fputs("#[Histogram log format version 1.3]\n", merged->hlog);
	}
	for (size_t i = 0; !r && i < merged->count; i++)
		r = copy_source(merged, &merged->sources[i], reterr);
	if (!r && merged->buffer.length_bytes)
		(void)fwrite(merged->buffer.text, 1, merged->buffer.length_bytes, merged->csv);
	if (merged->csv && (fflush(merged->csv) || fdatasync(fileno(merged->csv))) && !r)
		r = hb_error_set_at(
			reterr, -errno, merged->out, 0, "trials.csv: %s", strerror(errno));
	if (merged->hlog && fflush(merged->hlog) && !r)
		r = hb_error_set_at(
			reterr, -errno, merged->out, 0, "hist.hlog: %s", strerror(errno));
	if (!r)
		r = write_env(merged, reterr);
	if (!r)
		r = plan ? hb_json_write_file(plan, merged->plan, reterr)
			 : hb_error_set(reterr, -ENOMEM, "out of memory");
	free(plan);
	return r;
}

static void merged_finish(struct merged *merged)
{
	for (size_t i = 0; i < merged->count; i++)
		hb_plan_finish(&merged->sources[i].plan);
	for (size_t i = 0; i < merged->run_id_count; i++)
		free(merged->run_ids[i]);
	if (merged->view.json)
		hb_plan_finish(&merged->view);
	if (merged->csv)
		(void)fclose(merged->csv);
	if (merged->hlog)
		(void)fclose(merged->hlog);
	hb_csv_buffer_finish(&merged->buffer);
	cJSON_Delete(merged->plan);
	free(merged->run_ids);
	free(merged->block_offsets);
	free(merged->blocks_here);
	free(merged->sources);
}

int hb_merge(const char *const *dirs, size_t count, const char *out, struct hb_error *reterr)
{
	struct merged merged = {.out = out, .sources = calloc(count + 1, sizeof(*merged.sources))};
	int r = merged.sources ? load_sources(&merged, dirs, count, reterr)
			       : hb_error_set(reterr, -ENOMEM, "out of memory");

	if (!r && !merged.count)
		r = hb_error_set(reterr, -EINVAL, "no run to merge");
	if (!r)
		r = make_plan(&merged, reterr);
	if (!r) {
		size_t experiments = merged.view.experiment_count + 1;

		merged.block_offsets = calloc(experiments, sizeof(*merged.block_offsets));
		merged.blocks_here = calloc(experiments, sizeof(*merged.blocks_here));
		r = merged.block_offsets && merged.blocks_here
			    ? write_all(&merged, reterr)
			    : hb_error_set(reterr, -ENOMEM, "out of memory");
	}
	merged_finish(&merged);
	return r;
}
