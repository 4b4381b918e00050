/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/curve_file.h>

#define HEADER "curve,kind,from_hours,to_hours,value,shape,scale_hours,fault\n"

static int parse(const char *text, struct pc_curve_file *file, struct hb_error *error)
{
	return pc_curve_file_parse(text, strlen(text), "curves.csv", file, error);
}

Test(curve_file, kinds_comments_and_a_last_line_without_end_are_read)
{
	struct pc_curve_file file = {0};
	const struct pc_curve_entry *entry;
	double q;

	cr_assert_eq(parse("# source: a \"quoted, text\"\n" HEADER "tub,weibull,,,,0.5,1e7,\n"
			   "# wear-out\n"
			   "tub,weibull,,,,4,6e4,crash\r\n"
			   "\n"
			   "hdd,afr,0,8760,1.4%,,,\n"
			   "hdd,share,8760,17520,0.03,,,\n"
			   "hdd,hazard,17520,inf,1e-6,,,\n"
			   "hdd,hazard,0,inf,1e-9,,,byz",
			     &file, NULL),
		0);
	cr_assert_eq(file.count, 2);
	entry = pc_curve_file_find(&file, "tub", 3);
	cr_assert(entry && entry->crash.weibull_count == 2 && entry->byz.weibull_count == 0);
	entry = pc_curve_file_find(&file, "hdd", 3);
	cr_assert(entry && entry->crash.piece_count == 3 && entry->byz.piece_count == 1);
	cr_assert_eq(pc_fault_curve_window(&entry->crash, 8760, 8760, &q, NULL), 0);
	cr_assert(fabs(q - 0.03) < 1e-16);
	cr_assert_eq(pc_fault_curve_window(&entry->crash, 0, 8760, &q, NULL), 0);
	cr_assert(fabs(q + expm1(-0.014)) < 1e-16);
	cr_assert_null(pc_curve_file_find(&file, "hd", 2));
	pc_curve_file_finish(&file);
}

Test(curve_file, faults_name_file_line_and_rule)
{
	static const struct {
		const char *rows;
		int line;
		const char *rule;
	} bad[] = {
		{"", 0, "no row"},
		{"a,hazard,1,2,0.1,,,\n", 2, "gap"},
		{"a,hazard,0,2,0.1,,,\na,hazard,3,4,0.1,,,\n", 3, "gap"},
		{"a,hazard,0,2,0.1,,,\na,hazard,1,4,0.1,,,\n", 3, "runs back"},
		{"a,hazard,0,2,0.1,,,\n# x\na,hazard,2,2,0.1,,,\n", 4, "runs back"},
		{"a,hazard,0,2,-0.1,,,\n", 2, "hazard"},
		{"a,hazard,0,2,x,,,\n", 2, "no number"},
		{"a,hazard,0,2,nan,,,\n", 2, "no number"},
		{"a,hazard,,2,0.1,,,\n", 2, "from_hours"},
		{"a,afr,0,2,-1%,,,\n", 2, "rate"},
		{"a,share,0,2,1,,,\n", 2, "leaves nobody"},
		{"a,share,0,inf,0.1,,,\n", 2, "needs an end"},
		{"a,share,2,1,0.1,,,\n", 2, "runs back"},
		{"a,weibull,,,,0,1,\n", 2, "shape"},
		{"a,weibull,,,,1,,\n", 2, "scale_hours"},
		{"a,weibull,0,1,,1,1,\n", 2, "leave the rest empty"},
		{"a,hazard,0,1,0.1,2,,\n", 2, "leave them empty"},
		{"a,cubic,0,1,0.1,,,\n", 2, "cubic"},
		{"a,hazard,0,1,0.1,,,both\n", 2, "both"},
		{"1a,hazard,0,1,0.1,,,\n", 2, "curve name"},
		{"a b,hazard,0,1,0.1,,,\n", 2, "curve name"},
		{",hazard,0,1,0.1,,,\n", 2, "curve name"},
		{"a,hazard,0,1,0.1\n", 2, "5 fields"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pc_curve_file file = {.count = 7};
		struct hb_error error = {0};
		char text[512];

		(void)snprintf(text, sizeof(text), "%s%s", HEADER, bad[i].rows);
		cr_assert_eq(parse(text, &file, &error), -EBADMSG, "%s", bad[i].rows);
		cr_assert(strstr(error.text, bad[i].rule), "%s: %s", bad[i].rows, error.text);
		cr_assert_eq(error.line, bad[i].line, "%s: line %d", bad[i].rows, error.line);
		cr_assert_str_eq(error.path, "curves.csv");
		cr_assert_eq(file.count, 7);
	}
}

Test(curve_file, missing_columns_and_files_are_refused)
{
	struct pc_curve_file file = {0};
	struct hb_error error = {0};

	cr_assert_eq(parse("", &file, &error), -EBADMSG);
	cr_assert_eq(parse("curve,from_hours\na,1\n", &file, &error), -EBADMSG);
	cr_assert(strstr(error.text, "kind"), "%s", error.text);
	cr_assert_eq(pc_curve_file_read("/nonexistent/curves.csv", &file, &error), -ENOENT);
	cr_assert_str_eq(error.path, "/nonexistent/curves.csv");
	cr_assert_eq(pc_curve_file_parse("curve,kind\0,x\n", 14, "c", &file, &error), -EBADMSG);
	cr_assert(strstr(error.text, "NUL"), "%s", error.text);
}

Test(curve_file, file_is_read_like_its_text)
{
	static const char text[] = HEADER "a,hazard,0,inf,0.5,,,\n";
	char path[] = "/tmp/curves-XXXXXX";
	int fd = mkstemp(path);
	struct pc_curve_file file = {0};

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	cr_assert_eq(pc_curve_file_read(path, &file, NULL), 0);
	cr_assert_eq(file.count, 1);
	pc_curve_file_finish(&file);
	unlink(path);
}
