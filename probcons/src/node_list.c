/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Node lists, probabilities, durations and weights as text. See probcons/node_list.h.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>

#include <probcons/curve_file.h>
#include <probcons/node.h>
#include <probcons/node_list.h>

#define ITEMS_MAX 65536
#define NUMBER_BYTES 64

struct span {
	const char *text;
	size_t length;
};

static struct span trim(struct span s)
{
	while (s.length && isspace((unsigned char)s.text[0])) {
		s.text++;
		s.length--;
	}
	while (s.length && isspace((unsigned char)s.text[s.length - 1]))
		s.length--;
	return s;
}

/*
 * Cut @rest after the first @separator; the part before it is returned. *@ret_found: whether there was one.
 */
static struct span cut(struct span *rest, char separator, bool *ret_found)
{
	const char *at = rest->length ? memchr(rest->text, separator, rest->length) : NULL;
	struct span part = {rest->text, at ? (size_t)(at - rest->text) : rest->length};
	size_t skip = part.length + (at != NULL);

	*ret_found = at != NULL;
	rest->text += skip;
	rest->length -= skip;
	return part;
}

/* The length of a span that goes into a message: long input is not repeated in full. */
static int shown(struct span s)
{
	return s.length > 60 ? 60 : (int)s.length;
}

/*
 * A decimal number, plain: digits first (or a point), so that inf, nan, hexadecimals and signs are none.
 */
static int number(struct span s, double *ret)
{
	char buffer[NUMBER_BYTES];

	if (!s.length || s.length >= sizeof(buffer) ||
		!(isdigit((unsigned char)s.text[0]) || s.text[0] == '.'))
		return -EINVAL;
	for (size_t i = 0; i < s.length; i++)
		if (!isdigit((unsigned char)s.text[i]) && !strchr(".eE+-", s.text[i]))
			return -EINVAL;
	memcpy(buffer, s.text, s.length);
	buffer[s.length] = '\0';
	return hb_csv_parse_double(buffer, ret);
}

static int whole(struct span s, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!s.length)
		return -EINVAL;
	for (size_t i = 0; i < s.length; i++) {
		if (!isdigit((unsigned char)s.text[i]))
			return -EINVAL;
		value = value * 10 + (uint64_t)(s.text[i] - '0');
		if (value > max)
			return -E2BIG;
	}
	*ret = value;
	return 0;
}

int pc_probability_parse(
	const char *text, size_t length_bytes, double *ret, struct hb_error *reterr)
{
	struct span s = trim((struct span){text, length_bytes});
	bool percent = s.length && s.text[s.length - 1] == '%';
	struct span digits = {s.text, s.length - percent};
	double value;

	if (number(trim(digits), &value) < 0)
		return hb_error_set(reterr, -EINVAL, "`%.*s` is no probability; write 0.01 or 1%%",
			shown(s), s.text);
	/* One rounding: 1% is the double nearest to 0.01. */
	value = percent ? value / 100 : value;
	if (!(value <= 1))
		return hb_error_set(reterr, -EINVAL, "probability `%.*s` is outside [0, 1]%s",
			shown(s), s.text, percent ? "" : "; did you mean a percentage?");
	*ret = value;
	return 0;
}

int pc_duration_parse(const char *text, size_t length_bytes, double *ret, struct hb_error *reterr)
{
	struct span s = trim((struct span){text, length_bytes}), digits = s;
	double value, hours = 1;

	if (s.length && isalpha((unsigned char)s.text[s.length - 1])) {
		switch (s.text[s.length - 1]) {
		case 's':
			hours = 1.0 / 3600;
			break;
		case 'm':
			hours = 1.0 / 60;
			break;
		case 'h':
			break;
		case 'd':
			hours = 24;
			break;
		case 'y':
			hours = PC_HOURS_PER_YEAR;
			break;
		default:
			hours = 0;
		}
		digits.length--;
	}
	if (hours == 0 || number(trim(digits), &value) < 0 || !isfinite(value))
		return hb_error_set(reterr, -EINVAL,
			"`%.*s` is no duration; write a number with s, m, h, d or y (365 days)",
			shown(s), s.text);
	*ret = hours < 1 ? value / round(1 / hours) : value * hours;
	return 0;
}

int pc_weight_list_parse(const char *text, size_t length_bytes, uint32_t *ret_weights,
	uint32_t count, struct hb_error *reterr)
{
	struct span rest = {text, length_bytes};
	uint32_t *weights = malloc(((size_t)count + 1) * sizeof(weights[0]));
	uint32_t used = 0;
	bool more = true;
	int rc = weights ? 0
			 : hb_error_set(reterr, -ENOMEM, "not enough memory for %u weights", count);

	while (more && !rc) {
		struct span item = trim(cut(&rest, ',', &more));
		uint64_t value = 0;

		if (whole(item, UINT32_MAX, &value) < 0)
			rc = hb_error_set(reterr, -EINVAL,
				"weight %u, `%.*s`, is no whole number within 0-4294967295",
				used + 1, shown(item), item.text);
		else if (used == count)
			rc = hb_error_set(reterr, -EINVAL,
				"more weights than nodes (%u); give one per node", count);
		else
			weights[used++] = (uint32_t)value;
	}
	if (!rc && used < count)
		rc = hb_error_set(
			reterr, -EINVAL, "%u weights for %u nodes; give one per node", used, count);
	if (!rc)
		memcpy(ret_weights, weights, count * sizeof(weights[0]));
	free(weights);
	return rc;
}

/* CRASH [ "+" BYZ ]. The plus of an exponent (1e+2) is none: no probability is written that way. */
static int read_probabilities(struct span fault, struct pc_node_item *item, struct hb_error *reterr)
{
	bool mixed;
	struct span crash = cut(&fault, '+', &mixed);
	int rc = pc_probability_parse(crash.text, crash.length, &item->crash, reterr);

	if (!rc && mixed)
		rc = pc_probability_parse(fault.text, fault.length, &item->byz, reterr);
	if (!rc && item->crash + item->byz > 1)
		rc = hb_error_set(reterr, -EINVAL,
			"crash and Byzantine probability sum to %.17g, above 1",
			item->crash + item->byz);
	return rc;
}

/* CURVE [ "~" AGE ] */
static int read_curve(struct span fault, const struct pc_curve_file *curves,
	struct pc_node_item *item, struct hb_error *reterr)
{
	bool aged;
	struct span name = trim(cut(&fault, '~', &aged));

	if (!curves)
		return hb_error_set(reterr, -EINVAL,
			"`%.*s` is no probability, and there is no curve file to look it up in",
			shown(name), name.text);
	item->curve = pc_curve_file_find(curves, name.text, name.length);
	if (!item->curve)
		return hb_error_set(reterr, -EINVAL, "the curve file has no curve `%.*s`",
			shown(name), name.text);
	return aged ? pc_duration_parse(fault.text, fault.length, &item->age_hours, reterr) : 0;
}

static int read_item(struct span text, const struct pc_curve_file *curves,
	struct pc_node_item *item, struct hb_error *reterr)
{
	bool weighted, faulty;
	struct span weight = text, fault = cut(&weight, '*', &weighted);
	struct span head = trim(cut(&fault, '@', &faulty));
	uint64_t value = 0;

	*item = (struct pc_node_item){.weight = 1, .has_fault = faulty};
	if (whole(head, PC_NODES_MAX, &value) < 0 || value == 0)
		return hb_error_set(reterr, -EINVAL, "`%.*s` is no number of nodes within 1-%u",
			shown(head), head.text, PC_NODES_MAX);
	item->count = (uint32_t)value;
	if (weighted) {
		if (whole(trim(weight), UINT32_MAX, &value) < 0)
			return hb_error_set(reterr, -EINVAL,
				"weight `%.*s` is no whole number within 0-4294967295",
				shown(weight), weight.text);
		item->weight = (uint32_t)value;
	}
	fault = trim(fault);
	if (!faulty)
		return 0;
	return fault.length && isalpha((unsigned char)fault.text[0])
		       ? read_curve(fault, curves, item, reterr)
		       : read_probabilities(fault, item, reterr);
}

static int append(
	struct pc_node_list *list, const struct pc_node_item *item, struct hb_error *reterr)
{
	/* Grows at powers of two. */
	if ((list->item_count & (list->item_count - 1)) == 0) {
		size_t capacity = list->item_count ? (size_t)list->item_count * 2 : 1;
		struct pc_node_item *grown = realloc(list->items, capacity * sizeof(grown[0]));

		if (!grown)
			return hb_error_set(
				reterr, -ENOMEM, "not enough memory for %zu items", capacity);
		list->items = grown;
	}
	if (list->item_count == ITEMS_MAX || list->node_count + item->count > PC_NODES_MAX)
		return hb_error_set(
			reterr, -E2BIG, "more than %u nodes or %d items", PC_NODES_MAX, ITEMS_MAX);
	list->items[list->item_count++] = *item;
	list->node_count += item->count;
	return 0;
}

int pc_node_list_parse(const char *text, size_t length_bytes, const struct pc_curve_file *curves,
	struct pc_node_list *ret, struct hb_error *reterr)
{
	struct span rest = {text, length_bytes};
	struct pc_node_list list = {0};
	bool more = true;
	int rc = 0;

	while (more && !rc) {
		struct span part = trim(cut(&rest, ',', &more));
		struct hb_error inner = {0};
		struct pc_node_item item;

		rc = read_item(part, curves, &item, &inner);
		if (rc)
			rc = hb_error_set(reterr, rc, "node list, item %u, `%.*s`: %s",
				list.item_count + 1, shown(part), part.text, inner.text);
		else
			rc = append(&list, &item, reterr);
	}
	if (rc)
		pc_node_list_finish(&list);
	else
		*ret = list;
	return rc;
}

void pc_node_list_finish(struct pc_node_list *list)
{
	free(list->items);
	*list = (struct pc_node_list){0};
}
