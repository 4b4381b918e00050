/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The analyser on programs whose verdicts are known, and on real ones. */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <spork/analysis.h>
#include <spork/decoder.h>
#include <spork/image.h>

#define BIAS (UINT64_C(1) << 40)

static const char *const variants[] = {"0", "1", "2", "3", "fixed", "noplt"};

#define VARIANT_COUNT (sizeof(variants) / sizeof(variants[0]))

/* What tests/analysis/children.c does, by function; the second fork of forks_twice is the "+". */
static const struct {
	const char *function;
	enum spork_site_verdict verdict;
	enum spork_site_reason reason;
} expected[] = {
	{"direct_exec", SPORK_SITE_RECIPE, SPORK_BECAUSE_CLEAN},
	{"descriptors_then_exec", SPORK_SITE_RECIPE, SPORK_BECAUSE_CLEAN},
	{"worker", SPORK_SITE_FORK, SPORK_BECAUSE_NO_EXEC},
	{"exec_in_callee", SPORK_SITE_RECIPE, SPORK_BECAUSE_CLEAN},
	{"pid_in_variable", SPORK_SITE_RECIPE, SPORK_BECAUSE_CLEAN},
	{"switch_on_result", SPORK_SITE_RECIPE, SPORK_BECAUSE_CLEAN},
	{"writes_first", SPORK_SITE_RECORD, SPORK_BECAUSE_EFFECTS},
	{"reads_first", SPORK_SITE_FORK, SPORK_BECAUSE_BLOCKING},
	{"thread_first", SPORK_SITE_FORK, SPORK_BECAUSE_UNSAFE},
	{"through_pointer", SPORK_SITE_RECORD, SPORK_BECAUSE_CALLS},
	{"make_child", SPORK_SITE_RECIPE, SPORK_BECAUSE_CLEAN},
	{"returns_only", SPORK_SITE_UNKNOWN, SPORK_BECAUSE_CALLERS},
	{"jump_table", SPORK_SITE_RECIPE, SPORK_BECAUSE_CLEAN},
	{"learns_its_pid", SPORK_SITE_RECORD, SPORK_BECAUSE_EFFECTS},
	{"changes_user", SPORK_SITE_RECORD, SPORK_BECAUSE_EFFECTS},
	{"uses_vfork", SPORK_SITE_LEAVE, SPORK_BECAUSE_ALREADY_CHEAP},
	{"forks_twice", SPORK_SITE_FORK, SPORK_BECAUSE_UNSAFE},
};

#define EXPECTED_COUNT (sizeof(expected) / sizeof(expected[0]))

struct subject {
	struct spork_image *image;
	struct spork_analyser *analyser;
	struct spork_analysis_module module;
	struct spork_site *sites;
	size_t site_count;
};

static void open_subject(struct subject *subject, const char *path)
{
	struct hb_error error = {0};

	*subject = (struct subject){0};
	cr_assert(spork_image_open(path, &subject->image, &error) == 0, "%s", error.text);
	cr_assert(spork_analyser_create(NULL, &subject->analyser) == 0);
	subject->module.image = subject->image;
	subject->module.bias = spork_image_lowest(subject->image) ? 0 : BIAS;
	cr_assert(spork_sites_find(subject->analyser, subject->image, &subject->sites,
			  &subject->site_count) == 0);
}

static void open_variant(struct subject *subject, const char *variant)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s_%s", CHILDREN, variant);
	open_subject(subject, path);
}

static void close_subject(struct subject *subject)
{
	free(subject->sites);
	spork_analyser_destroy(subject->analyser);
	spork_image_close(subject->image);
}

static const struct spork_site *site_in(const struct subject *subject, const char *function)
{
	for (size_t i = 0; i < subject->site_count; i++) {
		const struct spork_symbol *symbol =
			spork_image_symbol_at(subject->image, subject->sites[i].call);

		if (symbol && strcmp(symbol->name, function) == 0)
			return &subject->sites[i];
	}
	cr_assert(false, "no site in %s", function);
	return NULL;
}

static struct spork_analysis analyse(
	const struct subject *subject, const struct spork_analysis_request *request)
{
	struct spork_analysis analysis = {0};
	struct hb_error error = {0};

	cr_assert(spork_analyse_site(subject->analyser, request, &analysis, &error) == 0, "%s",
		error.text);
	return analysis;
}

static struct spork_analysis_request request_for(
	const struct subject *subject, const struct spork_analysis_frame *frames, size_t count)
{
	return (struct spork_analysis_request){
		.modules = &subject->module,
		.module_count = 1,
		.frames = frames,
		.frame_count = count,
		.callers_unknown = count == 1,
	};
}

Test(analysis, verdicts_are_the_known_ones_at_every_optimisation_level)
{
	size_t compared = 0;

	for (size_t v = 0; v < VARIANT_COUNT; v++) {
		struct subject subject;

		open_variant(&subject, variants[v]);
		cr_assert(subject.site_count == EXPECTED_COUNT + 1, "%s: %zu sites", variants[v],
			subject.site_count);
		for (size_t i = 0; i < EXPECTED_COUNT; i++) {
			const struct spork_site *site = site_in(&subject, expected[i].function);
			struct spork_analysis_frame frame = {.address = site->address};
			struct spork_analysis_request request = request_for(&subject, &frame, 1);
			struct spork_analysis analysis;

			cr_assert(site->copies == (expected[i].verdict != SPORK_SITE_LEAVE));
			if (!site->copies)
				continue;
			analysis = analyse(&subject, &request);
			cr_assert(analysis.verdict == expected[i].verdict &&
					  analysis.reason == expected[i].reason,
				"%s of variant %s: %s (%s)", expected[i].function, variants[v],
				spork_site_verdict_name(analysis.verdict),
				spork_site_reason_name(analysis.reason));
			spork_analysis_finish(&analysis);
			compared++;
		}
		close_subject(&subject);
	}
	cr_assert(compared == VARIANT_COUNT * (EXPECTED_COUNT - 1));
}

/* The address behind the first call of @callee in @function. */
static uint64_t return_address(
	const struct subject *subject, const char *function, const char *callee)
{
	const struct spork_symbol *symbols;
	size_t count = spork_image_symbols(subject->image, &symbols);
	uint64_t target = 0, at = 0, end = 0, found = 0;
	struct spork_decoder_state *state;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(symbols[i].name, callee) == 0)
			target = symbols[i].address;
		if (strcmp(symbols[i].name, function) == 0) {
			at = symbols[i].address;
			end = at + symbols[i].size;
		}
	}
	cr_assert(target && at);
	cr_assert(spork_decoder_zydis.create(&state) == 0);
	while (at < end && !found) {
		struct spork_instruction instruction;
		size_t available;
		const uint8_t *bytes = spork_image_bytes(subject->image, at, &available, NULL);

		cr_assert(
			spork_decoder_zydis.decode(state, bytes, available, at, &instruction) == 0);
		at += instruction.length;
		if (instruction.kind == SPORK_KIND_CALL && instruction.target == target)
			found = at;
	}
	spork_decoder_zydis.destroy(state);
	cr_assert(found);
	return found;
}

Test(analysis, the_actual_caller_decides)
{
	for (size_t v = 0; v < VARIANT_COUNT; v++) {
		struct spork_analysis_frame frames[2] = {{0}};
		struct spork_analysis_request request;
		struct spork_analysis analysis;
		struct subject subject;

		open_variant(&subject, variants[v]);
		frames[0].address = site_in(&subject, "make_child")->address;
		frames[1].address = return_address(&subject, "calls_make_child", "make_child");
		request = request_for(&subject, frames, 2);
		analysis = analyse(&subject, &request);
		cr_assert(analysis.verdict == SPORK_SITE_RECIPE && analysis.modules_needed[0]);
		spork_analysis_finish(&analysis);

		/* Another caller: the program goes on as the child, and nothing is known beyond. */
		frames[1].address = return_address(&subject, "main", "worker");
		analysis = analyse(&subject, &request);
		cr_assert(analysis.returns && analysis.verdict != SPORK_SITE_RECIPE);
		spork_analysis_finish(&analysis);

		request.ablations = SPORK_WITHOUT_CALLERS;
		analysis = analyse(&subject, &request);
		cr_assert(analysis.verdict == SPORK_SITE_UNKNOWN &&
			  analysis.reason == SPORK_BECAUSE_CALLERS);
		spork_analysis_finish(&analysis);
		close_subject(&subject);
	}
}

/* The process's memory: everything is the run-time address of hooked(). */
static int read_hook(void *data, uint64_t address, void *buffer, size_t size_bytes)
{
	(void)address;
	cr_assert(size_bytes <= 8);
	memcpy(buffer, data, size_bytes);
	return 0;
}

Test(analysis, a_pointer_read_from_the_process_is_a_guard)
{
	for (size_t v = 0; v < VARIANT_COUNT; v++) {
		struct spork_analysis_frame frame = {0};
		struct spork_analysis_request request;
		const struct spork_symbol *symbols;
		struct spork_analysis analysis;
		struct subject subject;
		uint64_t target = 0;
		size_t count;

		open_variant(&subject, variants[v]);
		count = spork_image_symbols(subject.image, &symbols);
		for (size_t i = 0; i < count; i++) {
			if (strcmp(symbols[i].name, "hooked") == 0)
				target = symbols[i].address + subject.module.bias;
		}
		cr_assert(target);
		frame.address = site_in(&subject, "through_pointer")->address;
		request = request_for(&subject, &frame, 1);
		request.read = read_hook;
		request.data = &target;
		analysis = analyse(&subject, &request);
		cr_assert(analysis.verdict == SPORK_SITE_RECIPE, "%s: %s", variants[v],
			spork_site_reason_name(analysis.reason));
		cr_assert(analysis.guard_count == 1 && analysis.guards[0].value == target);
		spork_analysis_finish(&analysis);

		request.ablations = SPORK_WITHOUT_VALUES;
		analysis = analyse(&subject, &request);
		cr_assert(analysis.verdict == SPORK_SITE_RECORD &&
			  analysis.reason == SPORK_BECAUSE_CALLS && analysis.guard_count == 0);
		spork_analysis_finish(&analysis);
		close_subject(&subject);
	}
}

Test(analysis, without_summaries_the_verdicts_stay)
{
	struct subject subject;

	open_variant(&subject, "2");
	for (size_t i = 0; i < EXPECTED_COUNT; i++) {
		const struct spork_site *site = site_in(&subject, expected[i].function);
		struct spork_analysis_frame frame = {.address = site->address};
		struct spork_analysis_request request = request_for(&subject, &frame, 1);
		struct spork_analysis analysis;

		if (!site->copies)
			continue;
		request.ablations = SPORK_WITHOUT_SUMMARIES;
		analysis = analyse(&subject, &request);
		cr_assert(analysis.verdict == expected[i].verdict, "%s: %s", expected[i].function,
			spork_site_reason_name(analysis.reason));
		spork_analysis_finish(&analysis);
	}
	close_subject(&subject);
}

Test(analysis, both_decoders_give_the_same_verdicts)
{
	struct subject subject;
	struct spork_analyser *zydis;

	open_subject(&subject, "/bin/bash");
	cr_assert(spork_analyser_create(&spork_decoder_zydis, &zydis) == 0);
	cr_assert(subject.site_count > 0);
	for (size_t i = 0; i < subject.site_count; i++) {
		struct spork_analysis_frame frame = {.address = subject.sites[i].address};
		struct spork_analysis_request request = request_for(&subject, &frame, 1);
		struct spork_analysis one = analyse(&subject, &request), other = {0};

		cr_assert(spork_analyse_site(zydis, &request, &other, NULL) == 0);
		cr_assert(one.verdict == other.verdict && one.effects == other.effects &&
			  one.states == other.states);
		spork_analysis_finish(&one);
		spork_analysis_finish(&other);
	}
	spork_analyser_destroy(zydis);
	close_subject(&subject);
}

Test(analysis, a_budget_ends_it_and_is_the_reason)
{
	struct spork_analysis_frame frame = {0};
	struct spork_analysis_request request;
	struct spork_analysis analysis;
	struct subject subject;

	open_subject(&subject, "/bin/bash");
	frame.address = subject.sites[0].address;
	request = request_for(&subject, &frame, 1);
	request.instruction_max = 100;
	analysis = analyse(&subject, &request);
	cr_assert(analysis.exhausted && analysis.reason == SPORK_BECAUSE_BUDGET);
	cr_assert(analysis.instructions <= 101);
	spork_analysis_finish(&analysis);
	request.instruction_max = 0;
	request.state_max = 10;
	analysis = analyse(&subject, &request);
	cr_assert(analysis.exhausted && analysis.states <= 10);
	spork_analysis_finish(&analysis);
	/* What was cut short is not kept. */
	request.state_max = 0;
	analysis = analyse(&subject, &request);
	cr_assert(!analysis.exhausted && analysis.verdict == SPORK_SITE_RECORD);
	spork_analysis_finish(&analysis);
	close_subject(&subject);
}

Test(analysis, frames_outside_of_code_are_refused)
{
	struct spork_analysis analysis = {0};
	struct hb_error error = {0};
	struct subject subject;

	open_variant(&subject, "2");
	for (uint64_t address = 0; address < 3; address++) {
		struct spork_analysis_frame frame = {
			.module = address == 2, .address = address ? UINT64_MAX : 0};
		struct spork_analysis_request request = request_for(&subject, &frame, 1);

		cr_assert(spork_analyse_site(subject.analyser, &request, &analysis, &error) ==
			  -EINVAL);
		cr_assert(!analysis.steps && strstr(error.text, "not in the code"));
	}
	close_subject(&subject);
}

/* Every switch of the program is made to lead through @entry: the walk must stay within its budget. */
static void damage_tables(uint8_t *bytes, size_t size, int32_t entry)
{
	Elf64_Ehdr header;

	memcpy(&header, bytes, sizeof(header));
	for (size_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr program;

		memcpy(&program, bytes + header.e_phoff + i * sizeof(program), sizeof(program));
		if (program.p_type != PT_LOAD || program.p_flags != PF_R || program.p_offset == 0)
			continue;
		/* The header of .eh_frame_hdr and .eh_frame stay out of this: constants come first. */
		for (size_t at = program.p_offset;
			at + 4 <= program.p_offset + 256 && at + 4 <= size; at += 4)
			memcpy(bytes + at, &entry, sizeof(entry));
	}
}

Test(analysis, hostile_jump_tables_end_within_the_budget)
{
	static const int32_t entries[] = {0, -1, INT32_MIN, INT32_MAX, 4, -4096};

	for (size_t e = 0; e < sizeof(entries) / sizeof(entries[0]); e++) {
		struct spork_analysis analysis;
		struct spork_analysis_frame frame = {0};
		struct spork_analysis_request request;
		struct subject subject = {0};
		char path[4096];
		uint8_t *bytes;
		size_t size;
		FILE *file;

		open_variant(&subject, "2");
		frame.address = site_in(&subject, "jump_table")->address;
		close_subject(&subject);
		(void)snprintf(path, sizeof(path), "%s_2", CHILDREN);
		file = fopen(path, "rbe");
		cr_assert(file && fseek(file, 0, SEEK_END) == 0);
		size = (size_t)ftell(file);
		bytes = malloc(size);
		cr_assert(bytes && fseek(file, 0, SEEK_SET) == 0);
		cr_assert(fread(bytes, 1, size, file) == size);
		(void)fclose(file);
		damage_tables(bytes, size, entries[e]);
		cr_assert(spork_image_from_bytes(bytes, size, path, &subject.image, NULL) == 0);
		cr_assert(spork_analyser_create(NULL, &subject.analyser) == 0);
		subject.module = (struct spork_analysis_module){subject.image, BIAS};
		request = request_for(&subject, &frame, 1);
		analysis = analyse(&subject, &request);
		cr_assert(analysis.instructions < 10000);
		cr_assert(analysis.verdict != SPORK_SITE_RECIPE);
		spork_analysis_finish(&analysis);
		subject.sites = NULL;
		close_subject(&subject);
		free(bytes);
	}
}

Test(analysis, real_programs_reach_exec)
{
	/* From the table of what these programs do: all of them start others by fork and exec. */
	static const char *const paths[] = {"/bin/bash", "/bin/dash", "/usr/bin/perl",
		"/usr/bin/find", "/usr/bin/xargs", "/bin/tar"};
	size_t seen = 0;

	for (size_t p = 0; p < sizeof(paths) / sizeof(paths[0]); p++) {
		struct subject subject;
		bool reaches = false;

		if (access(paths[p], R_OK))
			continue;
		seen++;
		open_subject(&subject, paths[p]);
		for (size_t i = 0; i < subject.site_count; i++) {
			struct spork_analysis_frame frame = {.address = subject.sites[i].address};
			struct spork_analysis_request request = request_for(&subject, &frame, 1);
			struct spork_analysis analysis;

			if (!subject.sites[i].copies)
				continue;
			analysis = analyse(&subject, &request);
			reaches |= analysis.verdict == SPORK_SITE_RECORD ||
				   analysis.verdict == SPORK_SITE_RECIPE;
			spork_analysis_finish(&analysis);
		}
		cr_assert(reaches, "%s", paths[p]);
		close_subject(&subject);
	}
	cr_assert(seen >= 3);
}

Test(analysis, frames_of_libc_fork_are_skipped)
{
	struct spork_analysis_module modules[2];
	struct spork_analysis_frame frames[3] = {{0}};
	struct spork_analysis_request request;
	const struct spork_symbol *inner;
	struct spork_image *libc = NULL;
	struct spork_analysis analysis;
	struct subject subject;

	open_variant(&subject, "2");
	cr_assert(spork_image_open("/lib/x86_64-linux-gnu/libc.so.6", &libc, NULL) == 0);
	modules[0] = subject.module;
	modules[1] = (struct spork_analysis_module){libc, 2 * BIAS};
	inner = spork_image_symbol_named(libc, "_Fork");
	cr_assert(inner);
	frames[0] = (struct spork_analysis_frame){.module = 1, .address = inner->address + 8};
	inner = spork_image_symbol_named(libc, "fork");
	frames[1] = (struct spork_analysis_frame){.module = 1, .address = inner->address + 8};
	frames[2].address = site_in(&subject, "direct_exec")->address;
	request = request_for(&subject, frames, 3);
	request.modules = modules;
	request.module_count = 2;
	analysis = analyse(&subject, &request);
	cr_assert(analysis.verdict == SPORK_SITE_RECIPE);
	cr_assert(analysis.modules_needed[0] && analysis.modules_needed[1]);
	cr_assert(analysis.step_count >= 1 && analysis.steps[0].module == 0);
	spork_analysis_finish(&analysis);
	spork_analyser_forget(subject.analyser, libc);
	spork_image_close(libc);
	close_subject(&subject);
}

Test(models, functions_that_start_or_end_are_known)
{
	static const struct {
		const char *name;
		uint32_t effects;
		bool returns;
	} cases[] = {
		{"execve", SPORK_EFFECT_EXEC, true},
		{"_exit", SPORK_EFFECT_EXIT, false},
		{"dup2", SPORK_EFFECT_DESCRIPTOR, true},
		{"__sigsetjmp", SPORK_EFFECT_PRIVATE, true},
		{"__fprintf_chk", SPORK_EFFECT_EXTERNAL, true},
		{"__longjmp_chk", SPORK_EFFECT_UNSAFE, false},
		{"read", SPORK_EFFECT_BLOCKING, true},
		{"abort", SPORK_EFFECT_PRIVATE | SPORK_EFFECT_EXIT, false},
		{"_Fork", SPORK_EFFECT_UNSAFE, true},
		{"wcstombs", SPORK_EFFECT_PRIVATE, true},
	};
	uint32_t effects;
	bool returns;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert(spork_model_of(cases[i].name, &effects, &returns), "%s", cases[i].name);
		cr_assert(effects == cases[i].effects && returns == cases[i].returns, "%s",
			cases[i].name);
	}
	cr_assert(!spork_model_of("", &effects, &returns));
	cr_assert(!spork_model_of("__", &effects, &returns));
	cr_assert(!spork_model_of("no_such_function", &effects, &returns));
}

/* Unwinding this very process: backtrace(3) is the oracle. */
struct process {
	struct spork_analysis_module modules[64];
	struct spork_image *images[64];
	size_t count;
};

static int add_module(struct dl_phdr_info *info, size_t size, void *data)
{
	struct process *process = data;
	const char *path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";

	(void)size;
	if (process->count < 64 &&
		spork_image_open(path, &process->images[process->count], NULL) == 0) {
		process->modules[process->count] = (struct spork_analysis_module){
			process->images[process->count], info->dlpi_addr};
		process->count++;
	}
	return 0;
}

static int read_self(void *data, uint64_t address, void *buffer, size_t size_bytes)
{
	(void)data;
	memcpy(buffer, (const void *)(uintptr_t)address, size_bytes);
	return 0;
}

static uint64_t address_of(const struct process *process, const struct spork_analysis_frame *frame)
{
	return frame->address + process->modules[frame->module].bias;
}

__attribute__((noinline)) static size_t unwind_here(const struct process *process,
	struct spork_analysis_frame *frames, void **oracle, int *ret_oracle_count)
{
	uint64_t rip, rsp, rbp;

	__asm__ volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
			 : "=r"(rip), "=r"(rsp), "=r"(rbp));
	*ret_oracle_count = backtrace(oracle, SPORK_FRAMES_MAX);
	return spork_frames_unwind(
		process->modules, process->count, rip, rsp, rbp, read_self, NULL, frames);
}

__attribute__((noinline)) static size_t nested(int depth, const struct process *process,
	struct spork_analysis_frame *frames, void **oracle, int *ret_oracle_count)
{
	volatile char room[64] = {(char)depth};
	size_t count = depth ? nested(depth - 1, process, frames, oracle, ret_oracle_count)
			     : unwind_here(process, frames, oracle, ret_oracle_count);

	/* Used after the call, so that this is no tail call. */
	return room[0] == (char)depth ? count : 0;
}

Test(unwinding, gives_the_callers_that_backtrace_gives)
{
	static struct process process;
	struct spork_analysis_frame frames[SPORK_FRAMES_MAX];
	void *oracle[SPORK_FRAMES_MAX];
	int oracle_count = 0;
	size_t count, first = 1;

	(void)dl_iterate_phdr(add_module, &process);
	count = nested(4, &process, frames, oracle, &oracle_count);
	cr_assert(count >= 6 && oracle_count >= 6);
	/* The innermost addresses differ: each is where it was asked. A sanitizer puts a frame of its own before. */
	while (first < 3 && address_of(&process, &frames[1]) != (uint64_t)(uintptr_t)oracle[first])
		first++;
	cr_assert(first < 3, "the innermost caller is another");
	for (size_t i = 1; i < count && first + i - 1 < (size_t)oracle_count; i++) {
		cr_assert(address_of(&process, &frames[i]) ==
				  (uint64_t)(uintptr_t)oracle[first + i - 1],
			"frame %zu", i);
		cr_assert(i == 1 || frames[i - 1].cfa > frames[i - 2].cfa);
	}
	for (size_t i = 0; i < process.count; i++)
		spork_image_close(process.images[i]);
}

Test(unwinding, stops_where_memory_cannot_be_read)
{
	struct spork_analysis_frame frames[SPORK_FRAMES_MAX];
	struct subject subject;
	const struct spork_site *site;

	open_variant(&subject, "2");
	site = site_in(&subject, "direct_exec");
	/* A stack of zeroes: no return address leads anywhere. */
	{
		static uint64_t zero[512];

		cr_assert(spork_frames_unwind(&subject.module, 1, site->address + BIAS,
				  (uint64_t)(uintptr_t)zero, 0, read_self, NULL, frames) == 1);
	}
	cr_assert(
		spork_frames_unwind(&subject.module, 1, 12345, 0, 0, read_self, NULL, frames) == 0);
	close_subject(&subject);
}
