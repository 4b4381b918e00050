/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "serve_pages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>

#include "assets.h"
#include "history.h"

#define PER_PAGE 100
/* Folders beyond these are not listed; their files can be asked for by name. */
#define RUNS_MAX 100000
#define FILES_MAX 2000
#define CHANGES_MAX 200
#define NIGHTS_MAX 2000
#define NAME_BYTES 128
/* Of the line of a series. */
#define LINE_WIDTH 800
#define LINE_HEIGHT 160

/* ---- what all pages have ---- */

static void put_head(struct hb_text *text, const char *title)
{
	hb_text_put(text,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<link rel=\"icon\" href=\"data:,\">\n<title>hotbed: ");
	hb_text_put_html(text, title);
	hb_text_put(text, "</title>\n<style>\n");
	hb_text_put(text, hb_asset_report_css);
	hb_text_put(text, hb_asset_history_css);
	hb_text_put(text, "</style>\n</head>\n<body>\n<main>\n<nav><a href=\"/\">Runs</a> | "
			  "<a href=\"/history\">History</a></nav>\n<h1>");
	hb_text_put_html(text, title);
	hb_text_put(text, "</h1>\n");
}

static int put_end(struct hb_text *text, struct hb_error *reterr)
{
	hb_text_put(text, "</main>\n</body>\n</html>\n");
	return text->failed ? hb_error_set(reterr, -ENOMEM, "not enough memory") : 0;
}

void hb_serve_put_fault(struct hb_text *text, const char *title, const char *what)
{
	put_head(text, title);
	hb_text_put(text, "<p>");
	hb_text_put_html(text, what);
	hb_text_put(text, "</p>\n");
	(void)put_end(text, NULL);
}

/* As a part of a URL. */
static void put_url(struct hb_text *text, const char *part)
{
	for (; *part; part++) {
		unsigned char c = (unsigned char)*part;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("-._~", c))
			hb_text_put_bytes(text, part, 1);
		else
			hb_text_format(text, "%%%02X", c);
	}
}

static void put_pages(struct hb_text *text, const char *path, const char *search, uint64_t first,
	uint64_t shown, bool more)
{
	const char *names[] = {"Earlier in the list", "Further down"};
	uint64_t starts[] = {first > PER_PAGE ? first - PER_PAGE : 0, first + shown};
	bool there[] = {first > 0, more};

	hb_text_put(text, "<p>");
	for (int i = 0; i < 2; i++) {
		if (!there[i])
			continue;
		hb_text_format(text, "<a rel=\"%s\" href=\"%s?first=%" PRIu64, i ? "next" : "prev",
			path, starts[i]);
		if (search && *search) {
			hb_text_put(text, "&amp;search=");
			put_url(text, search);
		}
		hb_text_format(text, "\">%s</a> ", names[i]);
	}
	hb_text_put(text, "</p>\n");
}

/* ---- files ---- */

/* Names that hidden files, editors and programs do not have. */
static const char *type_of(const char *name)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {
		{".html", "text/html; charset=utf-8"},
		{".csv", "text/csv; charset=utf-8"},
		{".json", "application/json"},
		{".hlog", "text/plain; charset=utf-8"},
		{".txt", "text/plain; charset=utf-8"},
		{".md", "text/plain; charset=utf-8"},
	};
	size_t length = strlen(name);

	for (size_t i = 0; *name != '.' && i < sizeof(types) / sizeof(types[0]); i++) {
		size_t suffix = strlen(types[i].suffix);

		if (length > suffix && !strcmp(name + length - suffix, types[i].suffix))
			return types[i].type;
	}
	return NULL;
}

/* Below the folder, whatever links stand there. Older kernels do not know the call: then nothing is opened. */
static int open_below(const struct hb_serve *serve, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_RDONLY | O_NONBLOCK | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	long fd = syscall(SYS_openat2, serve->folder_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* RUN/FILE, RUN/logs/FILE, RUN/charts/FILE, history.html: no part hidden, empty, or "..". */
static bool is_shown(const char *path)
{
	const char *slash = strchr(path, '/'), *file = slash ? slash + 1 : path;
	const char *inner = slash ? strchr(file, '/') : NULL;

	if (!slash)
		return !strcmp(path, "history.html");
	if (*path == '.' || slash == path)
		return false;
	if (!inner)
		return *file && *file != '.';
	size_t length = (size_t)(inner - file);

	return ((length == 4 && !memcmp(file, "logs", 4)) ||
		       (length == 6 && !memcmp(file, "charts", 6))) &&
	       !strchr(inner + 1, '/') && inner[1] != '.';
}

int hb_serve_open(const struct hb_serve *serve, const char *path, const char **ret_type)
{
	const char *slash = strrchr(path, '/'), *type = type_of(slash ? slash + 1 : path);
	struct stat info;

	if (!type || !is_shown(path))
		return -ENOENT;
	int fd = open_below(serve, path, 0);

	if (fd < 0)
		return fd == -EXDEV || fd == -ELOOP || fd == -ENOTDIR ? -ENOENT : fd;
	if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
		(void)close(fd);
		return -ENOENT;
	}
	*ret_type = type;
	return fd;
}

/* ---- runs ---- */

struct run {
	char *name;
	int64_t time_ms; /* since 1970 */
};

/* A run_id begins with the time; of another name the folder's time has to do. */
static int64_t time_of(const char *name, const struct stat *info)
{
	unsigned long long high, low;
	int length = 0;

	if (strlen(name) == 36 && sscanf(name, "%8llx-%4llx-7%n", &high, &low, &length) == 2 &&
		length == 15)
		return (int64_t)(high << 16 | low);
	return (int64_t)info->st_mtim.tv_sec * 1000;
}

static int newest_first(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return x->time_ms == y->time_ms  ? strcmp(y->name, x->name)
	       : x->time_ms < y->time_ms ? 1
					 : -1;
}

static DIR *open_folder(const struct hb_serve *serve, const char *path)
{
	int fd = open_below(serve, path, O_DIRECTORY);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !folder)
		(void)close(fd);
	if (fd < 0)
		errno = -fd;
	return folder;
}

static bool is_run(const struct hb_serve *serve, const char *name, struct stat *ret)
{
	char plan[NAME_BYTES + 16];

	(void)snprintf(plan, sizeof(plan), "%s/plan.json", name);
	return *name != '.' && strlen(name) < NAME_BYTES && strcmp(name, "latest") != 0 &&
	       fstatat(serve->folder_fd, plan, ret, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(ret->st_mode);
}

static int add_run(struct run **runs, size_t *count, const char *name, const struct stat *info)
{
	if (*count % 256 == 0) {
		struct run *grown = realloc(*runs, (*count + 256) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*runs = grown;
	}
	struct run *run = &(*runs)[*count];

	*run = (struct run){.name = strdup(name), .time_ms = time_of(name, info)};
	*count += run->name != NULL;
	return run->name ? 0 : -ENOMEM;
}

static int list_runs(const struct hb_serve *serve, struct run **ret, size_t *ret_count)
{
	DIR *folder = open_folder(serve, ".");
	int r = folder ? 0 : -errno;

	*ret = NULL;
	*ret_count = 0;
	for (const struct dirent *entry;
		folder && !r && *ret_count < RUNS_MAX && (entry = readdir(folder));) {
		struct stat info;

		if (is_run(serve, entry->d_name, &info))
			r = add_run(ret, ret_count, entry->d_name, &info);
	}
	if (folder)
		(void)closedir(folder);
	if (*ret)
		qsort(*ret, *ret_count, sizeof(**ret), newest_first);
	return r;
}

static void put_run_row(const struct hb_serve *serve, const struct run *run, struct hb_text *text)
{
	char report[NAME_BYTES + 16], utc[HB_CLOCK_UTC_BYTES];

	(void)snprintf(report, sizeof(report), "%s/report.html", run->name);
	hb_text_format(text, "<tr><td>%.19s</td><td><a href=\"/runs/",
		hb_clock_format_utc(run->time_ms * 1000000, utc));
	put_url(text, run->name);
	hb_text_put(text, "/\">");
	hb_text_put_html(text, run->name);
	hb_text_put(text, "</a></td><td>");
	if (faccessat(serve->folder_fd, report, R_OK, 0) == 0) {
		hb_text_put(text, "<a href=\"/runs/");
		put_url(text, run->name);
		hb_text_put(text, "/report.html\">report</a>");
	}
	hb_text_put(text, "</td></tr>\n");
}

int hb_serve_put_runs(
	const struct hb_serve *serve, uint64_t first, struct hb_text *text, struct hb_error *reterr)
{
	struct run *runs;
	size_t count;
	uint64_t shown = 0;
	int r = list_runs(serve, &runs, &count);

	if (!r) {
		put_head(text, "Runs");
		hb_text_format(text, "<p>%zu runs in ", count);
		hb_text_put_html(text, serve->folder);
		hb_text_put(text, ", the newest first.</p>\n<table id=\"runs\"><thead><tr><th "
				  "scope=\"col\">Begun (UTC)</th>"
				  "<th scope=\"col\">Run</th><th "
				  "scope=\"col\">Report</th></tr></thead><tbody>\n");
		for (uint64_t i = first; i < count && shown < PER_PAGE; i++, shown++)
			put_run_row(serve, &runs[i], text);
		hb_text_put(text, "</tbody></table>\n");
		put_pages(text, "/", NULL, first, shown, first + shown < count);
		r = put_end(text, reterr);
	} else {
		(void)hb_error_set_at(reterr, r, serve->folder, 0, "%s", strerror(-r));
	}
	for (size_t i = 0; i < count; i++)
		free(runs[i].name);
	free(runs);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files of one folder, "NAME", "NAME/logs" or "NAME/charts"; none where it is not there. */
static int put_files(const struct hb_serve *serve, const char *path, const char *title,
	struct hb_text *text, size_t *ret_count)
{
	char *names[FILES_MAX];
	size_t count = 0;
	DIR *folder = open_folder(serve, path);
	int r = 0;

	for (const struct dirent *entry;
		folder && !r && count < FILES_MAX && (entry = readdir(folder));) {
		struct stat info;

		if (!type_of(entry->d_name) ||
			fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(info.st_mode))
			continue;
		names[count] = strdup(entry->d_name);
		r = names[count] ? 0 : -ENOMEM;
		count += !r;
	}
	qsort(names, count, sizeof(*names), by_name);
	if (count > 0)
		hb_text_format(text, "<h2>%s</h2>\n<ul>\n", title);
	for (size_t i = 0; i < count; i++) {
		hb_text_format(text, "<li><a href=\"%s",
			strcmp(title, "Files") == 0 ? "" : strchr(path, '/') + 1);
		hb_text_put(text, strcmp(title, "Files") == 0 ? "" : "/");
		put_url(text, names[i]);
		hb_text_put(text, "\">");
		hb_text_put_html(text, names[i]);
		hb_text_put(text, "</a></li>\n");
		free(names[i]);
	}
	if (count > 0)
		hb_text_put(text, "</ul>\n");
	if (folder)
		(void)closedir(folder);
	*ret_count = count;
	return r;
}

int hb_serve_put_run(const struct hb_serve *serve, const char *name, struct hb_text *text,
	struct hb_error *reterr)
{
	static const char *const titles[] = {"Files", "Charts", "Logs"};
	static const char *const folders[] = {"", "/charts", "/logs"};
	size_t count, files = 0;
	int r = 0;

	if (*name == '.' || strlen(name) >= NAME_BYTES || strchr(name, '/'))
		return hb_error_set(reterr, -ENOENT, "no run is called so");
	put_head(text, name);
	for (size_t i = 0; !r && i < 3; i++) {
		char path[NAME_BYTES + 16];

		(void)snprintf(path, sizeof(path), "%s%s", name, folders[i]);
		r = put_files(serve, path, titles[i], text, &count);
		files += count;
		if (!r && i == 0 && files == 0)
			return hb_error_set(reterr, -ENOENT, "no run is called so");
	}
	int end = put_end(text, reterr);

	return r ? hb_error_set(reterr, r, "not enough memory") : end;
}

/* ---- history ---- */

static const char *column(sqlite3_stmt *s, int at)
{
	const char *value = (const char *)sqlite3_column_text(s, at);

	return value ? value : "";
}

#define SERIES_NAME                                                             \
	"subproject || '/' || experiment || ' ' || variant || ' ' || metric ||" \
	" iif(params = '', '', ' ' || params) || iif(s.smoke, ' (smoke)', '')"

static int open_history(
	const struct hb_serve *serve, struct hb_history *ret, struct hb_error *reterr)
{
	int r = hb_history_open(serve->db, HB_HISTORY_READ, ret, reterr);

	if (!r)
		r = hb_history_execute(ret, "PRAGMA query_only=1", reterr);
	if (r)
		hb_history_close(ret);
	return r;
}

static void put_change(struct hb_text *text, sqlite3_stmt *s)
{
	hb_text_format(text, "<tr><td>%lld</td><td class=\"%s\">%s</td><td>",
		(long long)sqlite3_column_int64(s, 0), column(s, 1), column(s, 1));
	hb_text_put_html(text, *column(s, 5)              ? "accepted: "
			       : sqlite3_column_int(s, 2) ? "open"
							  : "");
	hb_text_put_html(text, column(s, 5));
	hb_text_format(text, "</td><td><a href=\"/history/series/%lld\">",
		(long long)sqlite3_column_int64(s, 3));
	hb_text_put_html(text, column(s, 4));
	hb_text_format(text, "</a></td><td>%.10s</td></tr>\n", column(s, 6));
}

static void put_series_row(struct hb_text *text, sqlite3_stmt *s)
{
	hb_text_format(text, "<tr><td><a href=\"/history/series/%lld\">",
		(long long)sqlite3_column_int64(s, 0));
	hb_text_put_html(text, column(s, 1));
	hb_text_format(text, "</a></td><td>%lld</td><td>%s%.4g</td></tr>\n",
		(long long)sqlite3_column_int64(s, 2),
		sqlite3_column_type(s, 3) == SQLITE_NULL ? "" : "×", sqlite3_column_double(s, 3));
}

/* The rows of one statement; @most of them are printed. */
static int put_rows(const struct hb_history *history, sqlite3_stmt *s,
	void (*put)(struct hb_text *text, sqlite3_stmt *s), uint64_t most, struct hb_text *text,
	uint64_t *ret_count, struct hb_error *reterr)
{
	int step;

	*ret_count = 0;
	while ((step = sqlite3_step(s)) == SQLITE_ROW && !text->failed)
		if (++*ret_count <= most)
			put(text, s);
	int r = step == SQLITE_DONE || text->failed
			? 0
			: hb_history_fail(history, "reading the history", reterr);

	sqlite3_finalize(s);
	return r;
}

static int put_changes(
	const struct hb_history *history, struct hb_text *text, struct hb_error *reterr)
{
	sqlite3_stmt *s;
	uint64_t count;
	int r = hb_history_prepare(history,
		"SELECT c.id, c.kind, c.open, s.id, " SERIES_NAME
		", c.reason, r.created_utc FROM change c JOIN series s ON s.id = c.series"
		" JOIN run r ON r.id = c.run ORDER BY c.open DESC, r.position_ns DESC, c.id LIMIT "
		"?",
		&s, reterr);

	if (r)
		return r;
	(void)sqlite3_bind_int(s, 1, CHANGES_MAX);
	hb_text_put(text,
		"<h2>Changes</h2>\n<p>As the last check found them.</p>\n<table "
		"id=\"changes\"><thead>"
		"<tr><th scope=\"col\">No.</th><th scope=\"col\">Kind</th><th "
		"scope=\"col\">State</th>"
		"<th scope=\"col\">Series</th><th scope=\"col\">Since</th></tr></thead><tbody>\n");
	r = put_rows(history, s, put_change, CHANGES_MAX, text, &count, reterr);
	hb_text_put(text, "</tbody></table>\n");
	return r;
}

static int put_list(const struct hb_history *history, const char *search, uint64_t first,
	struct hb_text *text, struct hb_error *reterr)
{
	sqlite3_stmt *s;
	uint64_t count;
	int r = hb_history_prepare(history,
		"SELECT s.id, " SERIES_NAME " AS name,"
		" (SELECT count(*) FROM night WHERE series = s.id),"
		" (SELECT ratio FROM night n JOIN run r ON r.id = n.run WHERE n.series = s.id"
		"  ORDER BY position_ns DESC LIMIT 1)"
		" FROM series s WHERE ?1 = '' OR instr(" SERIES_NAME ", ?1) > 0"
		" ORDER BY name, s.id LIMIT ?2 OFFSET ?3",
		&s, reterr);

	if (r)
		return r;
	(void)sqlite3_bind_text(s, 1, search, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(s, 2, PER_PAGE + 1);
	(void)sqlite3_bind_int64(s, 3, (int64_t)first);
	hb_text_put(text,
		"<h2>Series</h2>\n<form class=\"filters\" action=\"/history\"><label>Search "
		"<input type=\"search\" name=\"search\" value=\"");
	hb_text_put_html(text, search);
	hb_text_put(text,
		"\"></label> <button>Search</button></form>\n<table id=\"series\"><thead><tr><th "
		"scope=\"col\">"
		"Series</th><th scope=\"col\">Nights</th><th scope=\"col\">Last "
		"ratio</th></tr></thead>"
		"<tbody>\n");
	r = put_rows(history, s, put_series_row, PER_PAGE, text, &count, reterr);
	hb_text_put(text, "</tbody></table>\n");
	uint64_t shown = count > PER_PAGE ? PER_PAGE : count;

	put_pages(text, "/history", search, first, shown, count > PER_PAGE);
	return r;
}

int hb_serve_put_history(const struct hb_serve *serve, const char *search, uint64_t first,
	struct hb_text *text, struct hb_error *reterr)
{
	struct hb_history history;
	int r = open_history(serve, &history, reterr);

	if (r)
		return r;
	put_head(text, "History");
	if (faccessat(serve->folder_fd, "history.html", R_OK, 0) == 0)
		hb_text_put(text, "<p>As one page with charts: <a "
				  "href=\"/runs/history.html\">dashboard</a>, as "
				  "'hotbed report --history' left it.</p>\n");
	r = put_changes(&history, text, reterr);
	if (!r)
		r = put_list(&history, search ? search : "", first, text, reterr);
	hb_history_close(&history);
	return r ? r : put_end(text, reterr);
}

/* ---- one series ---- */

static void put_number(struct hb_text *text, sqlite3_stmt *s, int at, const char *before)
{
	if (sqlite3_column_type(s, at) != SQLITE_NULL)
		hb_text_format(text, "%s%.4g", before, sqlite3_column_double(s, at));
}

static void put_night(struct hb_text *text, sqlite3_stmt *s)
{
	hb_text_format(text, "<tr><td>%.19s</td><td>", column(s, 1));
	put_number(text, s, 2, "×");
	hb_text_put(text, "</td><td>");
	put_number(text, s, 3, "");
	put_number(text, s, 4, " to ");
	hb_text_put(text, "</td><td>");
	hb_text_put_html(text, column(s, 5));
	hb_text_format(text, "</td><td>%.6s</td><td>%.12s</td><td><a href=\"/runs/", column(s, 6),
		column(s, 7));
	put_url(text, column(s, 0));
	hb_text_put(text, "/\">run</a></td></tr>\n");
}

/* The ratios, newest first as @s gives them, drawn from left to right on a logarithmic scale. */
static void put_line(struct hb_text *text, const double *ratios, size_t count)
{
	double lo = INFINITY, hi = -INFINITY;
	const char *command = "M";

	for (size_t i = 0; i < count; i++) {
		lo = fmin(lo, ratios[i]);
		hi = fmax(hi, ratios[i]);
	}
	if (!(lo > 0 && isfinite(hi)))
		return;
	double range = hi > lo ? log(hi / lo) : 1;

	hb_text_format(text,
		"<svg id=\"line\" role=\"img\" viewBox=\"0 0 %d %d\" width=\"100%%\" height=\"%d\" "
		"preserveAspectRatio=\"none\"><title>Ratio by night</title><desc>From ×%.4g to "
		"×%.4g "
		"over %zu nights, on a logarithmic scale; the table has the numbers.</desc>"
		"<path fill=\"none\" stroke=\"currentColor\" vector-effect=\"non-scaling-stroke\" "
		"d=\"",
		LINE_WIDTH, LINE_HEIGHT, LINE_HEIGHT, lo, hi, count);
	for (size_t i = count; i > 0; i--) {
		double value = ratios[i - 1];

		if (!(value > 0)) {
			command = "M";
			continue;
		}
		hb_text_format(text, "%s%.1f %.1f", command,
			(double)(count - i) * LINE_WIDTH / (double)(count > 1 ? count - 1 : 1),
			5 + (LINE_HEIGHT - 10) * (1 - log(value / lo) / range));
		command = "L";
	}
	hb_text_format(text,
		"\"/></svg>\n<p>×%.4g (bottom) to ×%.4g (top), oldest on the left.</p>\n", lo, hi);
}

static int prepare_nights(const struct hb_history *history, int64_t series, sqlite3_stmt **ret,
	struct hb_error *reterr)
{
	int r = hb_history_prepare(history,
		"SELECT run_id, created_utc, ratio, ratio_lo, ratio_hi, verdict, env_id, commit_id"
		" FROM night n JOIN run r ON r.id = n.run WHERE series = ?1"
		" ORDER BY position_ns DESC, r.id DESC LIMIT ?2",
		ret, reterr);

	if (r)
		return r;
	(void)sqlite3_bind_int64(*ret, 1, series);
	(void)sqlite3_bind_int(*ret, 2, NIGHTS_MAX);
	return 0;
}

static int put_nights(const struct hb_history *history, int64_t series, struct hb_text *text,
	struct hb_error *reterr)
{
	double ratios[NIGHTS_MAX];
	size_t count = 0;
	uint64_t rows;
	sqlite3_stmt *s;
	int r = prepare_nights(history, series, &s, reterr);

	if (r)
		return r;
	while (count < NIGHTS_MAX && sqlite3_step(s) == SQLITE_ROW)
		ratios[count++] = sqlite3_column_type(s, 2) == SQLITE_NULL
					  ? NAN
					  : sqlite3_column_double(s, 2);
	sqlite3_finalize(s);
	put_line(text, ratios, count);
	hb_text_put(text,
		"<table id=\"nights\"><thead><tr><th scope=\"col\">Night (UTC)</th><th "
		"scope=\"col\">Ratio</th>"
		"<th scope=\"col\">Interval</th><th scope=\"col\">Verdict</th><th "
		"scope=\"col\">Settings</th>"
		"<th scope=\"col\">Commit</th><th scope=\"col\">Run</th></tr></thead><tbody>\n");
	r = prepare_nights(history, series, &s, reterr);
	if (!r)
		r = put_rows(history, s, put_night, NIGHTS_MAX, text, &rows, reterr);
	hb_text_put(text, "</tbody></table>\n");
	return r;
}

int hb_serve_put_series(
	const struct hb_serve *serve, int64_t series, struct hb_text *text, struct hb_error *reterr)
{
	struct hb_history history;
	sqlite3_stmt *s;
	int r = open_history(serve, &history, reterr);

	if (r)
		return r;
	r = hb_history_prepare(
		&history, "SELECT " SERIES_NAME " FROM series s WHERE id = ?", &s, reterr);
	if (!r) {
		(void)sqlite3_bind_int64(s, 1, series);
		if (sqlite3_step(s) == SQLITE_ROW)
			put_head(text, column(s, 0));
		else
			r = hb_error_set(reterr, -ENOENT, "the history has no such series");
		sqlite3_finalize(s);
	}
	if (!r)
		r = put_nights(&history, series, text, reterr);
	hb_history_close(&history);
	return r ? r : put_end(text, reterr);
}
