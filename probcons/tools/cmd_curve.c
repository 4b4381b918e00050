/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons curve: what the curves of a file say about a window. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <probcons/curve_file.h>

#include "command.h"

struct window {
	double age_hours, mission_hours;
};

struct row {
	double crash, byz;   /* probabilities of the window, each as if alone */
	double hazard_begin; /* per hour, both kinds */
};

static int look(const struct pc_curve_entry *entry, const struct window *window, struct row *ret,
	struct hb_error *reterr)
{
	int err = pc_fault_curve_window(
		&entry->crash, window->age_hours, window->mission_hours, &ret->crash, reterr);

	if (!err)
		err = pc_fault_curve_window(
			&entry->byz, window->age_hours, window->mission_hours, &ret->byz, reterr);
	if (err) {
		(void)hb_error_wrap(reterr, "curve '%s'", entry->name);
		return err;
	}
	ret->hazard_begin = pc_fault_curve_hazard(&entry->crash, window->age_hours) +
			    pc_fault_curve_hazard(&entry->byz, window->age_hours);
	return 0;
}

static void json_row(
	struct hb_json_out *out, const struct pc_curve_entry *entry, const struct row *row)
{
	hb_json_open(out, NULL, '{');
	hb_json_put_text(out, "curve", entry->name);
	hb_json_put_number(out, "crash", row->crash);
	hb_json_put_number(out, "byz", row->byz);
	hb_json_put_number(out, "hazard_per_hour", row->hazard_begin);
	hb_json_put_number(out, "afr", row->hazard_begin * PC_HOURS_PER_YEAR);
	hb_json_close(out, '}');
}

static int print_curves(const struct pc_curve_file *file, const char *only,
	const struct window *window, bool json, struct hb_error *reterr)
{
	struct hb_json_out out = {.stream = stdout};

	/* Every window is looked at before anything is printed: an error leaves no half answer. */
	for (uint32_t i = 0; i < file->count; i++) {
		struct row row;

		if (only && strcmp(file->entries[i].name, only) != 0)
			continue;
		if (look(&file->entries[i], window, &row, reterr))
			return reterr->code;
	}
	if (json) {
		hb_json_open(&out, NULL, '{');
		hb_json_put_text(&out, "schema", "probcons.curves/1");
		hb_json_put_number(&out, "age_hours", window->age_hours);
		hb_json_put_number(&out, "mission_hours", window->mission_hours);
		hb_json_open(&out, "curves", '[');
	} else {
		(void)printf("%-24s %-14s %-14s %s\n", "curve", "crash", "byzantine",
			"per drive-year at the start");
	}
	for (uint32_t i = 0; i < file->count; i++) {
		const struct pc_curve_entry *entry = &file->entries[i];
		struct row row;

		if ((only && strcmp(entry->name, only) != 0) || look(entry, window, &row, reterr))
			continue;
		if (json)
			json_row(&out, entry, &row);
		else
			(void)printf("%-24s %-14.8g %-14.8g %.4g%%\n", entry->name, row.crash,
				row.byz, row.hazard_begin * PC_HOURS_PER_YEAR * 100);
	}
	if (json) {
		hb_json_close(&out, ']');
		hb_json_close(&out, '}');
		(void)putchar('\n');
	}
	return 0;
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	const char *only = arguments->values[OPT_CURVE];
	struct window window = {0, PC_HOURS_PER_YEAR};
	struct pc_curve_file file = {0};
	int err = option_required(arguments, OPT_CURVES, reterr);

	if (!err)
		err = option_duration(arguments, OPT_AGE, &window.age_hours, reterr);
	if (!err)
		err = option_duration(arguments, OPT_MISSION, &window.mission_hours, reterr);
	if (!err)
		err = pc_curve_file_read(arguments->values[OPT_CURVES], &file, reterr);
	if (!err && only && !pc_curve_file_find(&file, only, strlen(only)))
		err = hb_error_set_at(reterr, -ENOENT, arguments->values[OPT_CURVES], 0,
			"has no curve '%.64s'", only);
	if (!err)
		err = print_curves(&file, only, &window, arguments->json, reterr);
	pc_curve_file_finish(&file);
	return err;
}

const struct command command_curve = {
	.name = "curve",
	.help = "fault probabilities that the curves of a file give for a window",
	.options = "curves curve age mission",
	.run = run,
};
