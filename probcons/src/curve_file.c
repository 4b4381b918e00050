/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reader of fault-curve files. See probcons/curve_file.h.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>

#include <probcons/curve_file.h>
#include <probcons/node_list.h>

#include "table_text.h"

enum column { CURVE, KIND, FROM, TO, VALUE, SHAPE, SCALE, FAULT, COLUMNS };

static const char *const column_names[COLUMNS] = {
	"curve", "kind", "from_hours", "to_hours", "value", "shape", "scale_hours", "fault"};

static int fail(const struct table_row *row, struct hb_error *reterr, const char *text)
{
	return hb_error_set_at(reterr, -EBADMSG, row->path, row->line, "%s", text);
}

static int number(
	const struct table_row *row, enum column column, double *ret, struct hb_error *reterr)
{
	if (hb_csv_parse_double(row->fields[column], ret) < 0 || isnan(*ret))
		return hb_error_set_at(reterr, -EBADMSG, row->path, row->line,
			"%s `%.60s` is no number", column_names[column], row->fields[column]);
	return 0;
}

static int name_check(const struct table_row *row, struct hb_error *reterr)
{
	const char *name = row->fields[CURVE];
	bool good = isalpha((unsigned char)name[0]) && strlen(name) < PC_CURVE_NAME_BYTES;

	for (const char *at = name; *at && good; at++)
		good = isalnum((unsigned char)*at) || strchr("_-.", *at);
	if (!good)
		return hb_error_set_at(reterr, -EBADMSG, row->path, row->line,
			"`%.60s` is no curve name: a letter, then letters, digits, _, - and ., at "
			"most %d",
			name, PC_CURVE_NAME_BYTES - 1);
	return 0;
}

const struct pc_curve_entry *pc_curve_file_find(
	const struct pc_curve_file *file, const char *name, size_t length)
{
	for (uint32_t i = 0; i < file->count; i++)
		if (strlen(file->entries[i].name) == length &&
			!memcmp(file->entries[i].name, name, length))
			return &file->entries[i];
	return NULL;
}

/* The entry of the row's curve, made if it is new. */
static struct pc_curve_entry *entry_of(struct pc_curve_file *file, const char *name)
{
	struct pc_curve_entry *entry =
		(struct pc_curve_entry *)pc_curve_file_find(file, name, strlen(name));

	if (entry || file->count == PC_CURVES_MAX)
		return entry;
	if ((file->count & (file->count - 1)) == 0) {
		size_t capacity = file->count ? (size_t)file->count * 2 : 1;
		struct pc_curve_entry *grown =
			realloc(file->entries, capacity * sizeof(file->entries[0]));

		if (!grown)
			return NULL;
		file->entries = grown;
	}
	entry = &file->entries[file->count++];
	memset(entry, 0, sizeof(*entry));
	memcpy(entry->name, name, strlen(name) + 1);
	return entry;
}

static int add_weibull(
	const struct table_row *row, struct pc_fault_curve *curve, struct hb_error *reterr)
{
	double shape, scale;
	int rc = number(row, SHAPE, &shape, reterr);

	if (!rc)
		rc = number(row, SCALE, &scale, reterr);
	if (!rc && (row->fields[FROM][0] || row->fields[TO][0] || row->fields[VALUE][0]))
		rc = fail(row, reterr,
			"a weibull row has shape and scale_hours only; leave the rest empty");
	return rc ? rc : pc_fault_curve_add_weibull(curve, shape, scale, reterr);
}

/* The value of an afr or share row: a number, or a percentage. */
static int rate(const struct table_row *row, double *ret, struct hb_error *reterr)
{
	size_t length = strlen(row->fields[VALUE]);
	bool percent = length && row->fields[VALUE][length - 1] == '%';
	char digits[64];

	if (length >= sizeof(digits))
		return fail(row, reterr, "the value is too long");
	memcpy(digits, row->fields[VALUE], length - percent);
	digits[length - percent] = '\0';
	if (hb_csv_parse_double(digits, ret) < 0 || !(*ret >= 0) || isinf(*ret))
		return hb_error_set_at(reterr, -EBADMSG, row->path, row->line,
			"value `%.60s` is no rate >= 0", row->fields[VALUE]);
	*ret = percent ? *ret / 100 : *ret;
	return 0;
}

static int add_piece(
	const struct table_row *row, struct pc_fault_curve *curve, struct hb_error *reterr)
{
	const char *kind = row->fields[KIND];
	double from, to, value, hazard;
	int rc = number(row, FROM, &from, reterr);

	if (!rc)
		rc = number(row, TO, &to, reterr);
	if (!rc && (row->fields[SHAPE][0] || row->fields[SCALE][0]))
		rc = fail(row, reterr,
			"shape and scale_hours are for weibull rows; leave them empty");
	if (rc)
		return rc;
	if (!strcmp(kind, "hazard")) {
		rc = number(row, VALUE, &hazard, reterr);
	} else if (!strcmp(kind, "afr")) {
		rc = rate(row, &value, reterr);
		hazard = rc ? 0 : pc_hazard_of_afr(value);
	} else {
		rc = rate(row, &value, reterr);
		if (!rc && !(value < 1))
			rc = fail(row, reterr,
				"a share of 1 or more leaves nobody alive; end the curve one piece "
				"earlier");
		if (!rc && isinf(to))
			rc = fail(
				row, reterr, "a share needs an end; to_hours may not be infinite");
		hazard = rc ? 0 : value == 0 ? 0 : pc_hazard_of_share(value, to - from);
		/* An empty or reversed piece is refused below, in its own words. */
		if (!(hazard >= 0) || isinf(hazard))
			hazard = 0;
	}
	return rc ? rc : pc_fault_curve_add_piece(curve, from, to, hazard, reterr);
}

static int on_row(const struct table_row *row, void *user, struct hb_error *reterr)
{
	struct pc_curve_file *file = user;
	const char *kind = row->fields[KIND], *fault = row->fields[FAULT];
	struct hb_error inner = {0};
	struct pc_curve_entry *entry;
	struct pc_fault_curve *curve;
	int rc = name_check(row, reterr);

	if (rc)
		return rc;
	if (strcmp(kind, "weibull") && strcmp(kind, "hazard") && strcmp(kind, "afr") &&
		strcmp(kind, "share"))
		return hb_error_set_at(reterr, -EBADMSG, row->path, row->line,
			"kind `%.60s` is none of weibull, hazard, afr, share", kind);
	if (fault[0] && strcmp(fault, "crash") && strcmp(fault, "byz"))
		return hb_error_set_at(reterr, -EBADMSG, row->path, row->line,
			"fault `%.60s` is neither crash nor byz", fault);
	entry = entry_of(file, row->fields[CURVE]);
	if (!entry)
		return hb_error_set_at(reterr, file->count == PC_CURVES_MAX ? -E2BIG : -ENOMEM,
			row->path, row->line, "no room for this curve; a file has at most %d",
			PC_CURVES_MAX);
	curve = strcmp(fault, "byz") ? &entry->crash : &entry->byz;
	rc = strcmp(kind, "weibull") ? add_piece(row, curve, &inner)
				     : add_weibull(row, curve, &inner);
	/* What the curve itself refuses does not know where it stands in the file. */
	if (rc)
		return hb_error_set_at(reterr, rc == -EINVAL ? -EBADMSG : rc, row->path, row->line,
			"curve %s: %s", entry->name, inner.text);
	return 0;
}

int pc_curve_file_parse(const char *text, size_t length_bytes, const char *path,
	struct pc_curve_file *ret, struct hb_error *reterr)
{
	struct table_columns columns = {
		.names = column_names, .count = COLUMNS, .required = KIND + 1};
	struct pc_curve_file file = {0};
	int rc = table_text_parse(text, length_bytes, path, &columns, on_row, &file, reterr);

	if (rc)
		pc_curve_file_finish(&file);
	else
		*ret = file;
	return rc;
}

int pc_curve_file_read(const char *path, struct pc_curve_file *ret, struct hb_error *reterr)
{
	char *text = NULL;
	size_t length = 0;
	int rc = table_text_load(path, &text, &length, reterr);

	if (!rc)
		rc = pc_curve_file_parse(text, length, path, ret, reterr);
	free(text);
	return rc;
}

void pc_curve_file_finish(struct pc_curve_file *file)
{
	for (uint32_t i = 0; i < file->count; i++) {
		pc_fault_curve_finish(&file->entries[i].crash);
		pc_fault_curve_finish(&file->entries[i].byz);
	}
	free(file->entries);
	*file = (struct pc_curve_file){0};
}
