/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/interpreter: what an instruction costs when a child's code is interpreted in the parent, and when a
 * recipe of it
 * is replayed, against the CPU. The work is functions of libc, as they run between fork and exec.
 */
#include "experiments.h"

#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/sanitizer.h>
#include <hotbed/trial.h>

#include "spork/image.h"
#include "spork/machine.h"

#define MODULES_MAX 8u
#define ARENA_BYTES ((size_t)16 << 20)
#define STACK_BYTES ((size_t)1 << 20)
#define RECIPE_BYTES ((size_t)2 << 20)
#define RETURN_ADDRESS 0x1000u
#define BUDGET 100000000u
#define RUN_NS INT64_C(200000000)
#define ELEMENTS 48u
#define TEXT_BYTES 512u

enum how { NATIVE, INTERPRETED, REPLAYED };

struct work {
	struct spork_module modules[MODULES_MAX];
	size_t module_count;
	int folder_fd;
	struct spork_machine *machine;
	uint8_t *arena, *stack, *recipe;
	size_t recipe_bytes;
	uint64_t (*function)(uint64_t);
	uint64_t input, result, expected, instructions;
	uint64_t calls;
	struct hb_error error;
};

static uint32_t values[ELEMENTS];
static char text[TEXT_BYTES];

__attribute__((noinline)) static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Integer code with calls through a pointer. */
__attribute__((noinline)) static uint64_t sorting(uint64_t seed)
{
	for (uint32_t i = 0; i < ELEMENTS; i++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		values[i] = (uint32_t)(seed >> 32);
	}
	qsort(values, ELEMENTS, sizeof(values[0]), by_value);
	return values[0] + values[ELEMENTS / 2];
}

/* Much code, each part of it executed a few times. */
__attribute__((noinline)) static uint64_t formatting(uint64_t seed)
{
	int length = snprintf(text, sizeof(text), "%d %s %lx %5u|%-8s|%c", (int)(seed % 1000),
		"fork", (unsigned long)seed % 65536, 7u, "exec", 'x');

	return (uint64_t)length + (uint64_t)text[0];
}

/* Vector instructions, which are stubs, at all alignments. */
__attribute__((noinline)) static uint64_t strings(uint64_t seed)
{
	size_t sum = seed % 8;

	for (size_t at = 0; at < 32; at++) {
		memset(text, 'a', 200);
		text[at + 100] = '/';
		text[at + 150] = '\0';
		sum += strlen(text + at);
		sum += (size_t)(strchr(text + at, '/') - text);
		memcpy(text + 256, text + at, 64 + at);
	}
	return sum;
}

static uint64_t address_of(uint64_t (*function)(uint64_t))
{
	return (uint64_t)(uintptr_t)function;
}

/* The program, libc and the loader, which binds libc's functions. */
static int add_module(struct dl_phdr_info *info, size_t size, void *data)
{
	struct work *work = data;
	struct spork_module *module = &work->modules[work->module_count];
	const char *path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";
	struct spork_image *image;
	int err;

	(void)size;
	if (strcmp(path, "/proc/self/exe") != 0 && !strstr(path, "/libc.so") &&
		!strstr(path, "/ld-linux"))
		return 0;
	if (work->module_count == MODULES_MAX)
		return 0;
	err = spork_image_open(path, &image, &work->error);
	if (err)
		return err;
	err = spork_code_write(image, work->folder_fd, &work->error);
	module->id = *spork_image_build_id(image);
	module->base = info->dlpi_addr + spork_image_lowest(image);
	module->end = module->base + spork_image_span(image);
	spork_image_close(image);
	if (!err)
		err = spork_code_open(work->folder_fd, &module->id, &module->code);
	if (!err)
		work->module_count++;
	return err;
}

static int by_base(const void *a, const void *b)
{
	const struct spork_module *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static uint8_t *memory(size_t size_bytes)
{
	void *at = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* A machine that stands before a call of the function. */
static void prepare(struct work *work)
{
	struct spork_machine *m = work->machine;
	uint64_t back = RETURN_ADDRESS;

	memset(&m->regs, 0, sizeof(m->regs));
	m->regs.rip = address_of(work->function);
	m->regs.gpr[SPORK_RSP] = (uint64_t)(uintptr_t)(work->stack + STACK_BYTES - 4096 - 8);
	m->regs.gpr[SPORK_RDI] = work->input;
	m->regs.rflags = 0x202;
	m->regs.mxcsr_fcw = UINT64_C(0x037f00001f80);
	(void)syscall(SYS_arch_prctl, ARCH_GET_FS, &m->regs.fs_base);
	(void)spork_overlay_write(m->overlay, m->regs.gpr[SPORK_RSP], &back, sizeof(back));
}

static bool returned(const struct spork_machine *m, int stop)
{
	return stop == SPORK_STOP_NO_CODE && m->regs.rip == RETURN_ADDRESS;
}

/* Records the whole call up to its return, which leads out of the known code. */
static int record(struct work *work)
{
	struct spork_machine *m = work->machine;
	uint64_t steps = work->instructions - 1;
	struct spork_trace *trace;
	int64_t size;

	prepare(work);
	trace = spork_trace_begin(m, work->recipe, RECIPE_BYTES);
	if (!trace || spork_machine_run(m, steps) != SPORK_STOP_BUDGET)
		return -EINVAL;
	size = spork_trace_end(trace, work->recipe + RECIPE_BYTES, RECIPE_BYTES);
	if (size < 0)
		return (int)size;
	work->recipe_bytes = (size_t)size;
	return spork_trace_check(work->recipe + RECIPE_BYTES, work->recipe_bytes);
}

static int call_once(struct work *work, enum how how)
{
	struct spork_machine *m = work->machine;
	size_t position = 0;
	int stop = SPORK_STOP_BUDGET;

	if (how == NATIVE) {
		work->result = work->function(work->input);
		return 0;
	}
	prepare(work);
	if (how == REPLAYED)
		stop = spork_trace_replay(
			m, work->recipe + RECIPE_BYTES, work->recipe_bytes, &position);
	if (stop == SPORK_STOP_BUDGET)
		stop = (int)spork_machine_run(m, BUDGET);
	work->result = m->regs.gpr[SPORK_RAX];
	return returned(m, stop) ? 0 : -EINVAL;
}

static int load_modules(struct work *work, struct hb_trial *trial)
{
	work->folder_fd = open(hb_trial_tmpdir(trial), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (work->folder_fd < 0)
		return hb_trial_fail(trial, "%s: %s", hb_trial_tmpdir(trial), strerror(errno));
	if (dl_iterate_phdr(add_module, work) != 0)
		return hb_trial_fail(trial, "no code files: %s", work->error.text);
	qsort(work->modules, work->module_count, sizeof(work->modules[0]), by_base);
	work->machine->modules = work->modules;
	work->machine->module_count = work->module_count;
	return 0;
}

/* What is interpreted is libc, in whose place they put code of their own. */
static int probe(struct hb_trial *trial)
{
	return HB_IS_SANITIZED ? hb_trial_skip(trial, "needs a build without sanitizers") : 0;
}

static int setup_code(struct hb_trial *trial, const char *name)
{
	struct work *work = calloc(1, sizeof(*work));
	int err;

	if (!work)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, work);
	work->folder_fd = -1;
	work->machine = (void *)memory(sizeof(*work->machine));
	work->arena = memory(ARENA_BYTES);
	work->stack = memory(STACK_BYTES);
	work->recipe = memory(2 * RECIPE_BYTES);
	if (!work->machine || !work->arena || !work->stack || !work->recipe)
		return hb_trial_fail(trial, "no memory");
	work->machine->overlay = spork_overlay_init(work->arena, ARENA_BYTES);
	work->function = strcmp(name, "sort") == 0     ? sorting
			 : strcmp(name, "format") == 0 ? formatting
						       : strings;
	work->input = hb_trial_seed(trial);
	work->expected = work->function(work->input);
	err = load_modules(work, trial);
	if (err)
		return err;
	/* Twice: the first call binds functions, which the others do not repeat. */
	for (int i = 0; i < 2; i++) {
		work->machine->executed = 0;
		if (call_once(work, INTERPRETED))
			return hb_trial_fail(trial, "%s stops in the interpreter", name);
		work->instructions = work->machine->executed;
	}
	if (record(work))
		return hb_trial_fail(trial, "%s gives no recipe", name);
	work->machine->recipe_checked = work->recipe + RECIPE_BYTES;
	return 0;
}

static int setup(struct hb_trial *trial)
{
	return setup_code(trial, hb_params_text(hb_trial_params(trial), "code"));
}

static int sabotage(struct hb_trial *trial)
{
	struct work *work = hb_trial_state(trial);

	work->expected++;
	return 0;
}

/* The best time of one call; *ret_mean_ns: of all. */
static int measure(struct hb_trial *trial, enum how how, double *ret_best_ns, double *ret_mean_ns)
{
	struct work *work = hb_trial_state(trial);
	int64_t start_ns, end_ns, limit_ns = hb_trial_is_quick(trial) ? RUN_NS / 10 : RUN_NS;
	double best_ns = 0;

	start_ns = hb_clock_now_ns();
	do {
		int64_t before_ns = hb_clock_now_ns();
		double each_ns;

		for (int i = 0; i < 100; i++)
			if (call_once(work, how))
				return hb_trial_fail(trial, "the machine stopped");
		end_ns = hb_clock_now_ns();
		each_ns = (double)(end_ns - before_ns) / 100;
		if (work->calls == 0 || each_ns < best_ns)
			best_ns = each_ns;
		work->calls += 100;
	} while (end_ns - start_ns < limit_ns);
	*ret_best_ns = best_ns;
	*ret_mean_ns = (double)(end_ns - start_ns) / (double)work->calls;
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct work *work = hb_trial_state(trial);
	double best_ns = 0, mean_ns = 0;
	int err = measure(trial, *(const enum how *)hb_trial_data(trial), &best_ns, &mean_ns);

	if (err)
		return err;
	hb_trial_metric(
		trial, "ns_per_instruction", best_ns / (double)work->instructions, work->calls);
	hb_trial_metric(trial, "call_ns", mean_ns, work->calls);
	hb_trial_metric(trial, "instructions", (double)work->instructions, 1);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct work *work = hb_trial_state(trial);

	if (work->result != work->expected)
		return hb_trial_fail(trial, "expected %llu, got %llu",
			(unsigned long long)work->expected, (unsigned long long)work->result);
	hb_trial_digest(trial, &work->result, sizeof(work->result));
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct work *work = hb_trial_state(trial);

	if (!work)
		return 0;
	for (size_t i = 0; i < work->module_count; i++)
		spork_code_close(work->modules[i].code);
	if (work->folder_fd >= 0)
		(void)close(work->folder_fd);
	free(work);
	return 0;
}

int spork_instruction_ns(struct hb_trial *trial, double *ret_worst_ns)
{
	static const char *const codes[] = {"sort", "format", "strings"};
	void *state = hb_trial_state(trial);
	double worst_ns = 0;
	int err = 0;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]) && !err; i++) {
		double best_ns = 0, mean_ns = 0, each_ns;
		struct work *work;

		err = setup_code(trial, codes[i]);
		if (!err)
			err = measure(trial, INTERPRETED, &best_ns, &mean_ns);
		work = hb_trial_state(trial);
		if (!err && work->result != work->expected)
			err = hb_trial_fail(trial, "%s: a wrong result", codes[i]);
		each_ns = err ? 0 : best_ns / (double)work->instructions;
		worst_ns = each_ns > worst_ns ? each_ns : worst_ns;
		(void)teardown(trial);
	}
	hb_trial_set_state(trial, state);
	*ret_worst_ns = worst_ns;
	return err;
}

static const struct hb_param params[] = {
	{
		.name = "code",
		.type = HB_PARAM_TEXT,
		.help = "sort: integers and calls; format: printf; strings: vector instructions",
		.sweep = "sort,format,strings",
		.sweep_quick = "sort,format,strings",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "ns_per_instruction",
		.unit = "ns",
		.help = "time for one of the program's instructions, best of all rounds",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{
		.name = "call_ns",
		.unit = "ns",
		.help = "time for one call, mean",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{
		.name = "instructions",
		.unit = "1",
		.help = "instructions of one call",
		.basis = HB_BASIS_COUNT,
	},
	{.name = NULL},
};

static const enum how native_way = NATIVE, interpreted_way = INTERPRETED, replayed_way = REPLAYED;

#define VARIANT(name_, role_, help_, way_)                                                   \
	{                                                                                    \
		.name = (name_), .role = (role_), .help = (help_), .digest_class = "result", \
		.probe = probe, .setup = setup, .run = run, .verify = verify,                \
		.teardown = teardown, .sabotage = sabotage, .data = &(way_),                 \
	}

static const struct hb_variant variants[] = {
	VARIANT("native", HB_ROLE_BASELINE, "the CPU", native_way),
	VARIANT("interpreted", HB_ROLE_IDEA, "decoded code over the overlay", interpreted_way),
	VARIANT("recipe", HB_ROLE_IDEA, "the trace of an earlier call", replayed_way),
	{.name = NULL},
};

const struct hb_experiment spork_interpreter = {
	.name = "interpreter",
	.question =
		"What does an instruction cost when a child's code is interpreted in the parent?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.chart = {.x = "code", .metric = "ns_per_instruction", .log_y = true},
};
