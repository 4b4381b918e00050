/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <nicos/distribution.h>

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>

#define TEXT_BYTES 64
#define FIELDS_MAX 3
#define LINE_BYTES_MAX 256

int nic_duration_parse(const char *text, double *ret_ns, struct hb_error *reterr)
{
	static const struct {
		const char *suffix;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	size_t length = strlen(text);
	double factor = 0, value;
	char number[TEXT_BYTES];

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && factor == 0; i++) {
		size_t suffix = strlen(units[i].suffix);

		if (length > suffix && strcmp(text + length - suffix, units[i].suffix) == 0) {
			factor = units[i].ns;
			length -= suffix;
		}
	}
	if (length >= sizeof(number))
		length = 0;
	memcpy(number, text, length);
	number[length] = '\0';
	if (length == 0 || hb_csv_parse_double(number, &value) || !isfinite(value) || value < 0 ||
		(factor == 0 && value != 0) || value * factor > NIC_TIME_MAX_NS)
		return hb_error_set(reterr, -EINVAL,
			"'%.80s' is no time; give a number from 0 to 11 days with ns, us, ms or s",
			text);
	*ret_ns = value * factor;
	return 0;
}

/* ---- traces ---- */

static int add_time(struct nic_distribution *trace, size_t *capacity, double time_ns)
{
	if (trace->trace_count == *capacity) {
		size_t more = *capacity ? 2 * *capacity : 256;
		double *grown = realloc(trace->trace_ns, more * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		trace->trace_ns = grown;
		*capacity = more;
	}
	trace->trace_ns[trace->trace_count++] = time_ns;
	return 0;
}

/* One line: blank, a comment, or a time. */
static int read_line(const char *begin, size_t length, const char *path, int number,
	struct nic_distribution *trace, size_t *capacity, struct hb_error *reterr)
{
	char line[LINE_BYTES_MAX];
	struct hb_error why = {0};
	double time_ns;

	while (length && strchr(" \t\r", begin[length - 1]) && begin[length - 1])
		length--;
	while (length && (*begin == ' ' || *begin == '\t'))
		begin++, length--;
	if (length == 0 || *begin == '#')
		return 0;
	if (length >= sizeof(line) || memchr(begin, '\0', length))
		return hb_error_set_at(
			reterr, -EBADMSG, path, number, "no time; write one per line, like 2.5us");
	memcpy(line, begin, length);
	line[length] = '\0';
	if (nic_duration_parse(line, &time_ns, &why))
		return hb_error_set_at(reterr, -EBADMSG, path, number, "%s", why.text);
	if (trace->trace_count == NIC_TRACE_MAX)
		return hb_error_set_at(reterr, -E2BIG, path, number,
			"more than %d times; thin the trace out", NIC_TRACE_MAX);
	if (add_time(trace, capacity, time_ns))
		return hb_error_set(reterr, -ENOMEM, "no memory for the trace; free some");
	return 0;
}

int nic_distribution_trace(const char *text, size_t length_bytes, const char *path,
	struct nic_distribution *ret, struct hb_error *reterr)
{
	struct nic_distribution trace = {.kind = NIC_TRACE};
	const char *end = text + length_bytes;
	size_t capacity = 0;
	int number = 1, err = 0;

	while (!err && text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = stop ? stop : end;

		err = read_line(
			text, (size_t)(line_end - text), path, number++, &trace, &capacity, reterr);
		text = line_end + 1;
	}
	if (!err && trace.trace_count == 0)
		err = hb_error_set_at(
			reterr, -EBADMSG, path, 0, "no time in it; write one per line, like 2.5us");
	if (err) {
		free(trace.trace_ns);
		return err;
	}
	*ret = trace;
	return 0;
}

static int read_trace(const char *path, struct nic_distribution *ret, struct hb_error *reterr)
{
	const size_t bytes_max = (size_t)256 << 20;
	FILE *file = fopen(path, "re");
	size_t capacity = 65536, length = 0;
	char *text = NULL;
	int err = 0;

	if (!file)
		return hb_error_set_at(
			reterr, -errno, path, 0, "cannot be opened: %s", strerror(errno));
	while (!err && !feof(file) && !ferror(file)) {
		char *grown = realloc(text, capacity);

		if (!grown) {
			err = hb_error_set(reterr, -ENOMEM, "no memory for the trace; free some");
			break;
		}
		text = grown;
		length += fread(text + length, 1, capacity - length, file);
		if (length == capacity)
			capacity *= 2;
		if (length > bytes_max)
			err = hb_error_set_at(
				reterr, -E2BIG, path, 0, "larger than 256 MiB; thin the trace out");
	}
	if (!err && ferror(file))
		err = hb_error_set_at(reterr, -EIO, path, 0, "cannot be read: %s", strerror(errno));
	(void)fclose(file);
	if (!err)
		err = nic_distribution_trace(text, length, path, ret, reterr);
	free(text);
	return err;
}

/* ---- text ---- */

static int split(const char *text, char fields[FIELDS_MAX][TEXT_BYTES])
{
	int count = 0;

	for (;;) {
		size_t length = strcspn(text, ",");

		if (count == FIELDS_MAX || length >= TEXT_BYTES)
			return -1;
		memcpy(fields[count], text, length);
		fields[count++][length] = '\0';
		if (text[length] == '\0')
			return count;
		text += length + 1;
	}
}

static int parse_plain(const char *text, double *ret)
{
	return hb_csv_parse_double(text, ret) || !isfinite(*ret) ? -EINVAL : 0;
}

/* The numbers by kind, and what they must satisfy. */
static int parse_fields(enum nic_distribution_kind kind, char fields[FIELDS_MAX][TEXT_BYTES],
	struct nic_distribution *ret, struct hb_error *reterr)
{
	bool plain_first = kind == NIC_BIMODAL || kind == NIC_PARETO;
	double *values[] = {&ret->a, &ret->b, &ret->c};
	static const int needed[] = {1, 1, 3, 3, 2, 2};
	double mean, share;

	for (int i = 0; i < needed[kind]; i++) {
		if (i == 0 && plain_first) {
			if (parse_plain(fields[0], values[0]))
				return hb_error_set(
					reterr, -EINVAL, "'%s' is no number", fields[0]);
		} else {
			int err = nic_duration_parse(fields[i], values[i], reterr);

			if (err)
				return err;
		}
	}
	if (kind == NIC_BIMODAL && !(ret->a >= 0 && ret->a <= 1))
		return hb_error_set(
			reterr, -EINVAL, "bimodal: the probability of T1 is from 0 to 1");
	if (kind == NIC_PARETO && !(ret->a > 0 && ret->a <= 100 && ret->b > 0 && ret->c >= ret->b))
		return hb_error_set(reterr, -EINVAL,
			"pareto: the exponent is above 0 and at most 100, and 0 < TMIN <= TMAX");
	if (kind == NIC_UNIFORM && ret->b < ret->a)
		return hb_error_set(reterr, -EINVAL, "uniform: A is at most B");
	if (kind == NIC_LOGNORMAL) {
		if (ret->a <= 0)
			return hb_error_set(reterr, -EINVAL, "lognormal: the mean is above 0");
		mean = ret->a;
		share = ret->b / mean;
		ret->b = sqrt(log1p(share * share));
		ret->a = log(mean) - ret->b * ret->b / 2;
	}
	return 0;
}

int nic_distribution_parse(const char *text, struct nic_distribution *ret, struct hb_error *reterr)
{
	static const struct {
		const char *name;
		int fields;
		const char *form;
	} kinds[] = {
		[NIC_CONST] = {"const", 1, "const:T"},
		[NIC_EXPONENTIAL] = {"exp", 1, "exp:T"},
		[NIC_BIMODAL] = {"bimodal", 3, "bimodal:P,T1,T2"},
		[NIC_PARETO] = {"pareto", 3, "pareto:A,TMIN,TMAX"},
		[NIC_LOGNORMAL] = {"lognormal", 2, "lognormal:M,S"},
		[NIC_UNIFORM] = {"uniform", 2, "uniform:A,B"},
		[NIC_TRACE] = {"trace", 1, "trace:FILE"},
	};
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	struct nic_distribution read = {0};
	char fields[FIELDS_MAX][TEXT_BYTES];
	int err;

	if (!colon) {
		err = nic_duration_parse(text, &read.a, reterr);
		if (!err)
			*ret = read;
		return err;
	}
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		if (strlen(kinds[k].name) != length || memcmp(kinds[k].name, text, length) != 0)
			continue;
		if (k == NIC_TRACE)
			return read_trace(colon + 1, ret, reterr);
		read.kind = (enum nic_distribution_kind)k;
		if (split(colon + 1, fields) != kinds[k].fields)
			return hb_error_set(
				reterr, -EINVAL, "'%.80s' should read %s", text, kinds[k].form);
		err = parse_fields(read.kind, fields, &read, reterr);
		if (!err)
			*ret = read;
		return err;
	}
	return hb_error_set(reterr, -EINVAL,
		"'%.80s' is no distribution; there are const, exp, bimodal, pareto, lognormal, "
		"uniform and trace",
		text);
}

void nic_distribution_finish(struct nic_distribution *distribution)
{
	free(distribution->trace_ns);
	*distribution = (struct nic_distribution){0};
}

/* ---- numbers ---- */

/* Inversion of the cut Pareto: F(x) = (1 - (l/x)^a) / (1 - (l/h)^a). */
static double draw_pareto(const struct nic_distribution *d, struct hb_rng *rng)
{
	double cut = 1 - pow(d->b / d->c, d->a);

	return d->b * pow(1 - hb_rng_double(rng) * cut, -1 / d->a);
}

double nic_distribution_draw(const struct nic_distribution *d, struct hb_rng *rng)
{
	switch (d->kind) {
	case NIC_CONST:
		return d->a;
	case NIC_EXPONENTIAL:
		return d->a > 0 ? hb_rng_exponential(rng, d->a) : 0;
	case NIC_BIMODAL:
		return hb_rng_double(rng) < d->a ? d->b : d->c;
	case NIC_PARETO:
		return draw_pareto(d, rng);
	case NIC_LOGNORMAL:
		return fmin(exp(d->a + d->b * hb_rng_normal(rng)), NIC_TIME_MAX_NS);
	case NIC_UNIFORM:
		return d->a + (d->b - d->a) * hb_rng_double(rng);
	case NIC_TRACE:
		break;
	}
	return d->trace_ns[hb_rng_below(rng, d->trace_count)];
}

/* The moment of order @k of the cut Pareto; at k = a the integral is a logarithm. */
static double pareto_moment(const struct nic_distribution *d, double k)
{
	double cut = 1 - pow(d->b / d->c, d->a);
	double ratio = log(d->c / d->b);

	if (cut == 0)
		return pow(d->b, k);
	if (d->a == k)
		return d->a * pow(d->b, k) * ratio / cut;
	return d->a * pow(d->b, k) * expm1((k - d->a) * ratio) / (k - d->a) / cut;
}

static double moment(const struct nic_distribution *d, int k)
{
	double sum = 0;

	switch (d->kind) {
	case NIC_CONST:
		return pow(d->a, k);
	case NIC_EXPONENTIAL:
		return k == 1 ? d->a : 2 * d->a * d->a;
	case NIC_BIMODAL:
		return d->a * pow(d->b, k) + (1 - d->a) * pow(d->c, k);
	case NIC_PARETO:
		return pareto_moment(d, k);
	case NIC_LOGNORMAL:
		return exp(k * d->a + k * k * d->b * d->b / 2);
	case NIC_UNIFORM:
		return k == 1 ? (d->a + d->b) / 2 : (d->a * d->a + d->a * d->b + d->b * d->b) / 3;
	case NIC_TRACE:
		break;
	}
	for (size_t i = 0; i < d->trace_count; i++)
		sum += pow(d->trace_ns[i], k);
	return sum / (double)d->trace_count;
}

double nic_distribution_mean_ns(const struct nic_distribution *distribution)
{
	return moment(distribution, 1);
}

double nic_distribution_square(const struct nic_distribution *distribution)
{
	return moment(distribution, 2);
}
