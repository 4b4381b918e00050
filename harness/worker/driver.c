/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <hotbed/experiment.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include "emit.h"
#include "state.h"
#include "table.h"

#define NAMES_MAX 256
#define SETS_MAX 64

enum {
	EXIT_USAGE = 2,
	EXIT_FAULT = 1,
};

/* The command line as given; NULL or false where an option is absent. */
struct options {
	bool describe, points, trial, quick, sabotage, help;
	const char *experiment, *sweep, *variant, *params, *seed, *result_fd, *tmpdir, *cpus;
	const char *sets[SETS_MAX + 1];
	size_t set_count;
};

static const char usage[] =
	"usage: hotbed-%s --describe\n"
	"       hotbed-%s --points EXPERIMENT --sweep quick|default|full [--set k=v,v2,k2=v]\n"
	"       hotbed-%s --trial --experiment E --variant V --params 'k=v;k=v' --seed U64\n"
	"                 --result-fd N --tmpdir DIR [--cpus system=0,load=1] [--quick] "
	"[--sabotage]\n"
	"\n"
	"A driver: `hotbed run` calls it. It describes its experiments, lists the points of one, "
	"or runs one trial.\n";

enum {
	OPTION_DESCRIBE = 256,
	OPTION_POINTS,
	OPTION_TRIAL,
	OPTION_EXPERIMENT,
	OPTION_SWEEP,
	OPTION_SET,
	OPTION_VARIANT,
	OPTION_PARAMS,
	OPTION_SEED,
	OPTION_RESULT_FD,
	OPTION_TMPDIR,
	OPTION_CPUS,
	OPTION_QUICK,
	OPTION_SABOTAGE,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{"describe", no_argument, NULL, OPTION_DESCRIBE},
	{"points", required_argument, NULL, OPTION_POINTS},
	{"trial", no_argument, NULL, OPTION_TRIAL},
	{"experiment", required_argument, NULL, OPTION_EXPERIMENT},
	{"sweep", required_argument, NULL, OPTION_SWEEP},
	{"set", required_argument, NULL, OPTION_SET},
	{"variant", required_argument, NULL, OPTION_VARIANT},
	{"params", required_argument, NULL, OPTION_PARAMS},
	{"seed", required_argument, NULL, OPTION_SEED},
	{"result-fd", required_argument, NULL, OPTION_RESULT_FD},
	{"tmpdir", required_argument, NULL, OPTION_TMPDIR},
	{"cpus", required_argument, NULL, OPTION_CPUS},
	{"quick", no_argument, NULL, OPTION_QUICK},
	{"sabotage", no_argument, NULL, OPTION_SABOTAGE},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

static int take_option(int option, struct options *options, struct hb_error *reterr)
{
	const char **texts[] = {
		[OPTION_POINTS - OPTION_DESCRIBE] = &options->experiment,
		[OPTION_EXPERIMENT - OPTION_DESCRIBE] = &options->experiment,
		[OPTION_SWEEP - OPTION_DESCRIBE] = &options->sweep,
		[OPTION_VARIANT - OPTION_DESCRIBE] = &options->variant,
		[OPTION_PARAMS - OPTION_DESCRIBE] = &options->params,
		[OPTION_SEED - OPTION_DESCRIBE] = &options->seed,
		[OPTION_RESULT_FD - OPTION_DESCRIBE] = &options->result_fd,
		[OPTION_TMPDIR - OPTION_DESCRIBE] = &options->tmpdir,
		[OPTION_CPUS - OPTION_DESCRIBE] = &options->cpus,
		[OPTION_HELP - OPTION_DESCRIBE] = NULL,
	};
	bool *flags[] = {
		[0] = &options->describe,
		[OPTION_POINTS - OPTION_DESCRIBE] = &options->points,
		[OPTION_TRIAL - OPTION_DESCRIBE] = &options->trial,
		[OPTION_QUICK - OPTION_DESCRIBE] = &options->quick,
		[OPTION_SABOTAGE - OPTION_DESCRIBE] = &options->sabotage,
		[OPTION_HELP - OPTION_DESCRIBE] = &options->help,
	};
	int index = option - OPTION_DESCRIBE;

	if (index < 0)
		return hb_error_set(reterr, -EINVAL, "%s; see --help",
			option == ':' ? "an option lacks its value" : "unknown option");
	if (option == OPTION_SET) {
		if (options->set_count == SETS_MAX)
			return hb_error_set(reterr, -EINVAL, "more than %d --set", SETS_MAX);
		options->sets[options->set_count++] = optarg;
	}
	if (texts[index] && *texts[index])
		return hb_error_set(
			reterr, -EINVAL, "--%s is given twice", long_options[index].name);
	if (texts[index])
		*texts[index] = optarg;
	if (flags[index])
		*flags[index] = true;
	return 0;
}

static int parse_options(int argc, char **argv, struct options *ret, struct hb_error *reterr)
{
	struct options options = {0};
	int option, err;

	opterr = 0;
	optind = 0; /* tests parse several command lines in one process */
	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		err = take_option(option, &options, reterr);
		if (err && (option == '?' || option == ':'))
			return hb_error_set(reterr, err, "%s: %s; see --help", argv[optind - 1],
				option == ':' ? "the option lacks its value" : "unknown option");
		if (err)
			return err;
	}
	if (optind < argc)
		return hb_error_set(
			reterr, -EINVAL, "unexpected argument '%.80s'; see --help", argv[optind]);
	if (!options.help && options.describe + options.points + options.trial != 1)
		return hb_error_set(reterr, -EINVAL,
			"give one of --describe, --points and --trial; see --help");
	*ret = options;
	return 0;
}

static int unknown(
	const char *kind, const char *name, const char *const *names, struct hb_error *reterr)
{
	const char *near = hb_suggest(name, names);

	if (near)
		return hb_error_set(reterr, -EINVAL, "unknown %s '%.80s'; did you mean '%s'?", kind,
			name, near);
	return hb_error_set(reterr, -EINVAL, "unknown %s '%.80s'; the first known one is '%s'",
		kind, name, names[0]);
}

static int find_experiment(const struct hb_driver *driver, const char *name,
	const struct hb_experiment **ret, struct hb_error *reterr)
{
	const char *names[NAMES_MAX + 1];
	size_t count = 0;

	if (!name)
		return hb_error_set(reterr, -EINVAL, "--trial needs --experiment");
	for (; driver->experiments[count]; count++) {
		names[count] = driver->experiments[count]->name;
		if (strcmp(names[count], name) == 0) {
			*ret = driver->experiments[count];
			return 0;
		}
	}
	names[count] = NULL;
	return unknown("experiment", name, names, reterr);
}

static int find_variant(const struct hb_experiment *experiment, const char *name,
	const struct hb_variant **ret, struct hb_error *reterr)
{
	const char *names[NAMES_MAX + 1];
	size_t count = 0;

	if (!name)
		return hb_error_set(reterr, -EINVAL, "--trial needs --variant");
	*ret = hb_find_variant(experiment, name);
	if (*ret)
		return 0;
	for (; count < NAMES_MAX && experiment->variants[count].name; count++)
		names[count] = experiment->variants[count].name;
	names[count] = NULL;
	return unknown("variant", name, names, reterr);
}

static int print(struct hb_emit *emit, struct hb_error *reterr)
{
	int err = hb_emit_flush(emit, STDOUT_FILENO);

	if (err)
		return hb_error_set(
			reterr, err, "cannot write to standard output: %s", strerror(-err));
	return 0;
}

static int describe(const struct hb_driver *driver, struct hb_error *reterr)
{
	struct hb_emit emit = {0};
	int err = hb_driver_describe(driver, &emit, reterr);

	if (!err)
		err = print(&emit, reterr);
	hb_emit_finish(&emit);
	return err;
}

static int parse_sweep(const char *text, enum hb_sweep *ret, struct hb_error *reterr)
{
	static const char *const names[] = {
		[HB_SWEEP_QUICK] = "quick",
		[HB_SWEEP_DEFAULT] = "default",
		[HB_SWEEP_FULL] = "full",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text ? text : "default") == 0) {
			*ret = (enum hb_sweep)i;
			return 0;
		}
	}
	return hb_error_set(reterr, -EINVAL, "--sweep=%.80s: accepted: quick, default, full", text);
}

static int list_points(
	const struct hb_driver *driver, const struct options *options, struct hb_error *reterr)
{
	const struct hb_experiment *experiment = NULL;
	struct hb_points points = {0};
	struct hb_emit emit = {0};
	enum hb_sweep sweep = HB_SWEEP_DEFAULT;
	int err;

	err = find_experiment(driver, options->experiment, &experiment, reterr);
	if (!err)
		err = parse_sweep(options->sweep, &sweep, reterr);
	if (!err)
		err = hb_points_expand(experiment, sweep, options->sets, &points, reterr);
	if (err)
		return err;
	err = hb_points_describe(experiment, &points, &emit);
	if (err)
		(void)hb_error_set(reterr, err, "no memory for the points");
	else
		err = print(&emit, reterr);
	hb_emit_finish(&emit);
	hb_points_finish(&points);
	return err;
}

/*
 * The pipe must not reach the trial's children: they could write into the protocol or keep it open.
 */
static int take_result_fd(struct hb_trial *trial, const char *text, struct hb_error *reterr)
{
	int64_t fd = STDOUT_FILENO;

	if (text && (hb_csv_parse_i64(text, &fd) || fd < 0 || fd > INT32_MAX))
		return hb_error_set(
			reterr, -EINVAL, "--result-fd=%.80s: not a file descriptor", text);
	if (fcntl((int)fd, F_GETFD) < 0)
		return hb_error_set(
			reterr, -EINVAL, "--result-fd=%lld: not an open descriptor", (long long)fd);
	if (fd > STDERR_FILENO)
		(void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	trial->result_fd = (int)fd;
	return 0;
}

static int fill_trial(const struct hb_driver *driver, const struct options *options,
	struct hb_trial *trial, struct hb_error *reterr)
{
	int err;

	trial->subproject = driver->subproject;
	trial->quick = options->quick;
	trial->sabotaged = options->sabotage;
	trial->tmpdir = options->tmpdir;
	trial->phase = "start";
	err = find_experiment(driver, options->experiment, &trial->experiment, reterr);
	if (!err)
		err = find_variant(trial->experiment, options->variant, &trial->variant, reterr);
	if (!err)
		err = hb_params_parse(trial->experiment, options->params ? options->params : "",
			false, &trial->params, reterr);
	if (!err && !options->seed)
		err = hb_error_set(reterr, -EINVAL, "--trial needs --seed");
	if (!err && hb_csv_parse_u64(options->seed, &trial->seed))
		err = hb_error_set(reterr, -EINVAL,
			"--seed=%.80s: accepted: whole numbers from 0 to 18446744073709551615",
			options->seed);
	if (!err && (!options->tmpdir || access(options->tmpdir, W_OK | X_OK)))
		err = hb_error_set(
			reterr, -EINVAL, "--trial needs --tmpdir, a folder it may write to");
	if (!err && options->cpus)
		err = hb_roles_parse(trial, options->cpus, reterr);
	if (!err)
		err = take_result_fd(trial, options->result_fd, reterr);
	return err;
}

static int report(const struct hb_driver *driver, const struct hb_error *error)
{
	char text[sizeof(error->text) + sizeof(error->path) + 32];

	(void)fprintf(stderr, "hotbed-%s: %s\n", driver->subproject ? driver->subproject : "?",
		hb_error_format(error, text, sizeof(text)));
	return error->code == -EINVAL || error->code == -E2BIG ? EXIT_USAGE : EXIT_FAULT;
}

static int run_trial(
	const struct hb_driver *driver, const struct options *options, struct hb_error *reterr)
{
	struct hb_trial trial = {0};
	int err = fill_trial(driver, options, &trial, reterr);

	if (err)
		return err;
	err = hb_trial_execute(&trial);
	if (err)
		return hb_error_set(reterr, err == -EINVAL ? -EIO : err,
			"cannot report the trial on descriptor %d: %s", trial.result_fd,
			strerror(-err));
	return 0;
}

int hb_driver_main(const struct hb_driver *driver, int argc, char **argv)
{
	struct options options = {0};
	struct hb_error error = {0};
	int err;

	err = hb_driver_check(driver, &error);
	if (!err)
		err = parse_options(argc, argv, &options, &error);
	if (!err && options.help) {
		(void)printf(usage, driver->subproject, driver->subproject, driver->subproject);
		return 0;
	}
	if (!err && options.describe)
		err = describe(driver, &error);
	else if (!err && options.points)
		err = list_points(driver, &options, &error);
	else if (!err)
		err = run_trial(driver, &options, &error);
	return err ? report(driver, &error) : 0;
}
