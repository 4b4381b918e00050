/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fork sites of one file with their verdicts, as scan counts and explain tells them. Not thread-safe. */
#ifndef SPORK_TOOLS_SITE_REPORT_H
#define SPORK_TOOLS_SITE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include <spork/analysis.h>
#include <spork/image.h>

struct hb_error;

struct site_report {
	struct spork_site site;
	struct spork_analysis analysis;
};

struct file_report {
	struct spork_image *image;
	struct spork_image **libraries; /* what it needs, where that was found */
	size_t library_count;
	bool is_setuid; /* or setgid: the loader ignores preloading */
	bool has_exec;  /* imports a function of the exec family */
	struct site_report *sites;
	size_t site_count;
};

/*
 * file_report_make - read @path and analyse its sites without a process: callers are guessed.
 * @with_verdicts: false only lists them. Returns 0, -ENOEXEC (no ELF file of this machine) or another error.
 */
int file_report_make(struct spork_analyser *analyser, const char *path, bool with_verdicts,
	unsigned ablations, struct file_report *ret, struct hb_error *reterr);
void file_report_finish(struct spork_analyser *analyser, struct file_report *report);

/* The modules as the analyser numbers them in steps: the file itself, then its libraries. */
const struct spork_image *file_report_module(const struct file_report *report, size_t index);

/* "dynamic", "static", "static-pie", "library" */
const char *image_kind_name(enum spork_image_kind kind);
/* "NAME" or "NAME+0x10" of the function around @address, else "". Cut to @size_bytes. */
void function_name_at(
	const struct spork_image *image, uint64_t address, char *buffer, size_t size_bytes);
/* "descriptor, signal" */
void effects_text(uint32_t effects, char *buffer, size_t size_bytes);

/* One site as an object of spork.scan/1 and spork.explain/1; NULL: no memory. */
cJSON *site_json(const struct file_report *report, const struct site_report *site);

#endif
