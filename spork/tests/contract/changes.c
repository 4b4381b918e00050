/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes between two forks of the same place: after many that went the same way, one thing is different, and the child
 * must find it so. Whatever an executor has kept of the earlier ones may not be used then.
 */
#include "contract.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define BEFORE 8 /* forks until every executor has kept what it keeps */
#define AFTER 3
#define PAGE 4096

static volatile int selector;
static const char *volatile command;
static void (*volatile choice)(void);
static __thread volatile int own;

/*
 * What is kept belongs to a calling context, so that all forks of a test are made from one place, in a loop on the
 * program's own stack, while the test itself runs on another.
 */
static ucontext_t place, test_context;
static char test_stack[262144] __attribute__((aligned(64)));
static struct {
	int (*test)(void);
	int result;
	bool ended;
	void (*child)(void *);
	void *data;
	int expected, times;
	bool good;
} wanted;

static void run_test(void)
{
	wanted.result = wanted.test();
	wanted.ended = true;
	(void)swapcontext(&test_context, &place);
}

static int repeated(void (*child)(void *), void *data, int expected, int times)
{
	wanted.child = child;
	wanted.data = data;
	wanted.expected = expected;
	wanted.times = times;
	wanted.good = true;
	expect(swapcontext(&test_context, &place) == 0);
	return wanted.good ? 0 : 1;
}

static __attribute__((noinline)) int in_one_place(int (*test)(void))
{
	wanted.test = test;
	wanted.ended = false;
	expect(getcontext(&test_context) == 0);
	test_context.uc_stack.ss_sp = test_stack;
	test_context.uc_stack.ss_size = sizeof(test_stack);
	makecontext(&test_context, run_test, 0);
	for (;;) {
		expect(swapcontext(&place, &test_context) == 0);
		if (wanted.ended)
			return wanted.result;
		for (int i = 0; i < wanted.times; i++) {
			int status = exit_of(run_child(wanted.child, wanted.data));

			wanted.good = wanted.good && status == wanted.expected;
		}
	}
}

/* Another context for each test. */
#define IN_ONE_PLACE(test)                   \
	static int test##_in_one_place(void) \
	{                                    \
		return in_one_place(test);   \
	}

#define once(child, data, expected) expect(repeated(child, data, expected, 1) == 0)
#define steadily(child, data, expected) expect(repeated(child, data, expected, BEFORE) == 0)
#define from_now_on(child, data, expected) expect(repeated(child, data, expected, AFTER) == 0)

static void branch(void *data)
{
	(void)data;
	exec_shell(selector > 3 ? "exit 1" : "exit 2");
}

static int a_word_that_is_compared(void)
{
	selector = 1;
	steadily(branch, NULL, 2);
	selector = 4;
	from_now_on(branch, NULL, 1);
	selector = 3;
	from_now_on(branch, NULL, 2);
	return 0;
}

static void pass_on(void *data)
{
	(void)data;
	exec_shell(command);
}

static int a_pointer_that_is_passed_on(void)
{
	char text[] = "exit 5";

	command = "exit 3";
	steadily(pass_on, NULL, 3);
	command = "exit 4";
	from_now_on(pass_on, NULL, 4);
	command = text;
	from_now_on(pass_on, NULL, 5);
	text[5] = '6';
	from_now_on(pass_on, NULL, 6);
	return 0;
}

static void exit_with_one(void)
{
	exec_shell("exit 1");
}

static void exit_with_two(void)
{
	exec_shell("exit 2");
}

static void choose(void *data)
{
	(void)data;
	choice();
}

static int a_pointer_to_a_function(void)
{
	choice = exit_with_one;
	steadily(choose, NULL, 1);
	choice = exit_with_two;
	from_now_on(choose, NULL, 2);
	return 0;
}

static void show_environment(void *data)
{
	(void)data;
	exec_shell("exit $CHANGING");
}

static int the_environment(void)
{
	(void)setenv("CHANGING", "1", 1);
	steadily(show_environment, NULL, 1);
	(void)setenv("CHANGING", "2", 1);
	from_now_on(show_environment, NULL, 2);
	(void)clearenv();
	from_now_on(show_environment, NULL, 0);
	(void)setenv("CHANGING", "3", 1);
	from_now_on(show_environment, NULL, 3);
	return 0;
}

static void show_own(void *data)
{
	(void)data;
	exec_shell(own == 7 ? "exit 1" : errno == 33 ? "exit 2" : "exit 3");
}

static int thread_local_variables_and_errno(void)
{
	for (int i = 0; i < BEFORE; i++) {
		errno = 0;
		once(show_own, NULL, 3);
	}
	errno = 33;
	once(show_own, NULL, 2);
	own = 7;
	from_now_on(show_own, NULL, 1);
	return 0;
}

static void look_at_area(void *data)
{
	volatile char *area = data;

	exec_shell(area[8]++ ? "exit 1" : "exit 2");
}

static int what_memory_may_be_used_for(void)
{
	const struct rlimit no_core = {0, 0};
	char *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)setrlimit(RLIMIT_CORE, &no_core);
	steadily(look_at_area, area, 2);
	expect(area[8] == 0);
	expect(mprotect(area, PAGE, PROT_NONE) == 0);
	from_now_on(look_at_area, area, 1000 + SIGSEGV);
	expect(mprotect(area, PAGE, PROT_READ) == 0);
	from_now_on(look_at_area, area, 1000 + SIGSEGV);
	expect(mprotect(area, PAGE, PROT_READ | PROT_WRITE) == 0);
	from_now_on(look_at_area, area, 2);
	expect(munmap(area, PAGE) == 0);
	from_now_on(look_at_area, area, 1000 + SIGSEGV);
	return 0;
}

static int whose_memory_it_is(void)
{
	char *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	steadily(look_at_area, area, 2);
	expect(area[8] == 0);
	expect(mmap(area, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
		       0) == area);
	once(look_at_area, area, 2);
	expect(area[8] == 1);
	for (int i = 0; i < AFTER; i++) {
		once(look_at_area, area, 1);
		expect(area[8] == 2 + i);
	}
	return 0;
}

static void duplicate(void *data)
{
	exec_shell(dup2(*(int *)data, 9) == 9 ? "exit 1" : "exit 2");
}

static int an_open_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	steadily(duplicate, &fd, 1);
	expect(close(fd) == 0);
	from_now_on(duplicate, &fd, 2);
	return 0;
}

static void look_at_action(void *data)
{
	struct sigaction now;

	(void)data;
	exec_shell(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_IGN ? "exit 1"
										    : "exit 2");
}

static int what_a_signal_does(void)
{
	steadily(look_at_action, NULL, 2);
	(void)signal(SIGUSR1, SIG_IGN);
	from_now_on(look_at_action, NULL, 1);
	(void)signal(SIGUSR1, SIG_DFL);
	from_now_on(look_at_action, NULL, 2);
	return 0;
}

static void select_in_the_child(void)
{
	selector = 9;
}

static int a_handler_of_fork(void)
{
	selector = 0;
	steadily(branch, NULL, 2);
	expect(pthread_atfork(NULL, NULL, select_in_the_child) == 0);
	from_now_on(branch, NULL, 1);
	expect(selector == 0);
	return 0;
}

static struct timespec last;

static void look_at_the_clock(void *data)
{
	struct timespec now;

	(void)data;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	exec_shell(now.tv_sec > last.tv_sec ||
				   (now.tv_sec == last.tv_sec && now.tv_nsec >= last.tv_nsec)
			   ? "exit 0"
			   : "exit 1");
}

static int the_time(void)
{
	for (int i = 0; i < BEFORE + AFTER; i++) {
		(void)clock_gettime(CLOCK_MONOTONIC, &last);
		once(look_at_the_clock, NULL, 0);
	}
	return 0;
}

#if defined(__x86_64__)
static uint64_t last_cycle;

static void look_at_the_cycles(void *data)
{
	(void)data;
	exec_shell(__builtin_ia32_rdtsc() > last_cycle ? "exit 0" : "exit 1");
}

static int the_cycles(void)
{
	for (int i = 0; i < BEFORE + AFTER; i++) {
		last_cycle = __builtin_ia32_rdtsc();
		once(look_at_the_cycles, NULL, 0);
	}
	return 0;
}
#endif

static void tell_pid(void *data)
{
	char text[64];

	(void)data;
	(void)snprintf(text, sizeof(text), "test $$ = %d", (int)getpid());
	exec_shell(text);
}

static int the_childs_own_number(void)
{
	steadily(tell_pid, NULL, 0);
	return 0;
}

static void look_at_frame(void *data)
{
	exec_shell(*(volatile int *)data == 1 ? "exit 1" : "exit 2");
}

static int the_stack_of_the_caller(void)
{
	volatile int local = 1;

	steadily(look_at_frame, (void *)(uintptr_t)&local, 1);
	local = 2;
	from_now_on(look_at_frame, (void *)(uintptr_t)&local, 2);
	for (size_t i = 1; i < BEFORE; i++) {
		volatile char *further = alloca(80);

		further[0] = 1;
		local = 1 + (int)(i & 1);
		expect(exit_of(run_child(look_at_frame, (void *)(uintptr_t)&local)) == local);
	}
	return 0;
}

static void allocate(void *data)
{
	char *volatile mine = malloc(40);

	exec_shell(mine && mine != data ? "exit 0" : "exit 1");
}

static int the_heap(void)
{
	void *block = malloc(40);

	steadily(allocate, block, 0);
	for (int i = 0; i < AFTER; i++) {
		block = malloc(40);
		once(allocate, block, 0);
	}
	free(block);
	from_now_on(allocate, NULL, 0);
	return 0;
}

static void call_bound(void *data)
{
	exec_shell(strcasecmp(data, "TEXT") == 0 ? "exit 1" : "exit 2");
}

static int a_function_that_has_been_bound(void)
{
	char text[] = "text";

	steadily(call_bound, text, 1);
	expect(strcasecmp(text, "TexT") == 0);
	from_now_on(call_bound, text, 1);
	text[0] = 'n';
	from_now_on(call_bound, text, 2);
	return 0;
}

static void *wait_for_end(void *data)
{
	(void)pthread_mutex_lock(data);
	(void)pthread_mutex_unlock(data);
	return NULL;
}

static int a_second_thread(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;

	selector = 0;
	steadily(branch, NULL, 2);
	(void)pthread_mutex_lock(&lock);
	expect(pthread_create(&thread, NULL, wait_for_end, &lock) == 0);
	selector = 5;
	from_now_on(branch, NULL, 1);
	(void)pthread_mutex_unlock(&lock);
	(void)pthread_join(thread, NULL);
	selector = 0;
	from_now_on(branch, NULL, 2);
	return 0;
}

static int libraries_that_are_loaded(void)
{
	void *library;

	selector = 0;
	steadily(branch, NULL, 2);
	library = dlopen("libutil.so.1", RTLD_NOW);
	if (!library)
		library = dlopen("libm.so.6", RTLD_NOW);
	expect(library);
	from_now_on(branch, NULL, 2);
	selector = 5;
	from_now_on(branch, NULL, 1);
	expect(dlclose(library) == 0);
	from_now_on(branch, NULL, 1);
	return 0;
}

static char program[64];

static void start_what_is_named(void *data)
{
	static char *const list[] = {program, NULL};

	(void)data;
	(void)execv(program, list);
	_exit(errno == ENOENT ? 5 : 6);
}

static void name_program(const char *name)
{
	memcpy(program, name, strlen(name) + 1);
}

static int the_programs_name(void)
{
	name_program("/bin/true");
	steadily(start_what_is_named, NULL, 0);
	name_program("/bin/false");
	from_now_on(start_what_is_named, NULL, 1);
	name_program("/bin/no-such-program");
	from_now_on(start_what_is_named, NULL, 5);
	name_program("/bin");
	from_now_on(start_what_is_named, NULL, 6);
	name_program("/bin/true");
	from_now_on(start_what_is_named, NULL, 0);
	return 0;
}

/* A page for itself, which is read-only. */
static const int table[PAGE / sizeof(int)] __attribute__((aligned(PAGE))) = {1};

static void look_at_table(void *data)
{
	exec_shell(*(const volatile int *)data == 1 ? "exit 1" : "exit 2");
}

static int memory_that_could_not_be_written(void)
{
	int *volatile address = (int *)(uintptr_t)&table[0];
	int *word = address;

	steadily(look_at_table, address, 1);
	expect(mprotect(word, PAGE, PROT_READ | PROT_WRITE) == 0);
	*word = 2;
	from_now_on(look_at_table, address, 2);
	*word = 1;
	from_now_on(look_at_table, address, 1);
	*word = 2;
	expect(mprotect(word, PAGE, PROT_READ) == 0);
	from_now_on(look_at_table, address, 2);
	return 0;
}

static struct {
	volatile unsigned char bytes[16];
} parts;

static void write_a_part(void *data)
{
	(void)data;
	parts.bytes[9] = 7;
	parts.bytes[3]++;
	exec_shell(parts.bytes[8] == 1 && parts.bytes[9] == 7 ? "exit 1" : "exit 2");
}

static int the_rest_of_a_word(void)
{
	parts.bytes[8] = 1;
	for (int i = 0; i < BEFORE; i++) {
		parts.bytes[12]++;
		parts.bytes[1]++;
		once(write_a_part, NULL, 1);
		expect(parts.bytes[9] == 0 && parts.bytes[3] == 0);
	}
	parts.bytes[8] = 2;
	from_now_on(write_a_part, NULL, 2);
	return 0;
}

static int the_end_of_the_heap(void)
{
	const struct rlimit no_core = {0, 0};
	char *area = sbrk(16 * PAGE);

	(void)setrlimit(RLIMIT_CORE, &no_core);
	expect(area != (char *)-1);
	area += (size_t)8 * PAGE;
	steadily(look_at_area, area, 2);
	/* Another part of the program may have taken more meanwhile. */
	if (sbrk(0) != area + (size_t)8 * PAGE)
		return 0;
	expect(sbrk(-16 * PAGE) != (void *)-1);
	from_now_on(look_at_area, area, 1000 + SIGSEGV);
	expect(sbrk(16 * PAGE) != (void *)-1);
	from_now_on(look_at_area, area, 2);
	return 0;
}

/* The child puts its list together of what it was given. */
static int strings_in_a_list_of_its_own(void)
{
	char *text = sbrk(2 * PAGE);

	expect(text != (char *)-1);
	for (int i = 0; i < BEFORE + AFTER; i++) {
		char *at = text + (size_t)i * 16;

		memcpy(at, i % 2 ? "exit 3" : "exit 4", 7);
		command = at;
		once(pass_on, NULL, (i % 2 ? 3 : 4));
	}
	return 0;
}

static void count_arguments(void *data)
{
	(void)data;
	(void)execl("/bin/sh", "sh", "-c", "exit $#", "sh", command, "last", (char *)NULL);
	_exit(127);
}

static int a_list_that_ends_earlier(void)
{
	command = "first";
	steadily(count_arguments, NULL, 2);
	command = NULL;
	from_now_on(count_arguments, NULL, 0);
	command = "another";
	from_now_on(count_arguments, NULL, 2);
	return 0;
}

static void look_at_both_ends(void *data)
{
	volatile char *area = data;

	area[1]++;
	area[3 * PAGE - 1]++;
	exec_shell(area[1] == 1 && area[3 * PAGE - 1] == 1 ? "exit 1" : "exit 2");
}

static int a_hole_between_what_is_touched(void)
{
	const struct rlimit no_core = {0, 0};
	char *area =
		mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)setrlimit(RLIMIT_CORE, &no_core);
	steadily(look_at_both_ends, area, 1);
	expect(munmap(area + PAGE, PAGE) == 0);
	from_now_on(look_at_both_ends, area, 1);
	expect(munmap(area + (size_t)2 * PAGE, PAGE) == 0);
	from_now_on(look_at_both_ends, area, 1000 + SIGSEGV);
	return 0;
}

static void add_up(void *data)
{
	volatile char *const *areas = data;

	exec_shell((*areas[0])++ + (*areas[1])++ + (*areas[2])++ == 3 ? "exit 1" : "exit 2");
}

static int mappings_apart_from_one_another(void)
{
	char *areas[3];

	for (size_t i = 0; i < 3; i++) {
		areas[i] = mmap(
			NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		expect(munmap(areas[i], PAGE) == 0);
		areas[i] += PAGE;
		expect(munmap(areas[i] + PAGE, PAGE) == 0);
		*areas[i] = 1;
	}
	steadily(add_up, areas, 1);
	expect(*areas[0] == 1 && *areas[1] == 1 && *areas[2] == 1);
	*areas[2] = 2;
	from_now_on(add_up, areas, 2);
	return 0;
}

/* Text in a mapping that goes: the kernel says EFAULT. */
static int a_text_that_is_gone(void)
{
	char *text = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(text, "exit 3", 7);
	command = text;
	steadily(pass_on, NULL, 3);
	text[5] = '4';
	from_now_on(pass_on, NULL, 4);
	expect(munmap(text, PAGE) == 0);
	from_now_on(pass_on, NULL, 127);
	return 0;
}

#define GUARD_INSTALL 102 /* MADV_GUARD_INSTALL of Linux 6.13 */

static int a_page_that_is_guarded(void)
{
	const struct rlimit no_core = {0, 0};
	char *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)setrlimit(RLIMIT_CORE, &no_core);
	steadily(look_at_area, area, 2);
	if (madvise(area, PAGE, GUARD_INSTALL) == 0)
		from_now_on(look_at_area, area, 1000 + SIGSEGV);
	return 0;
}

IN_ONE_PLACE(a_hole_between_what_is_touched)
IN_ONE_PLACE(mappings_apart_from_one_another)
IN_ONE_PLACE(a_text_that_is_gone)
IN_ONE_PLACE(a_page_that_is_guarded)
IN_ONE_PLACE(the_programs_name)
IN_ONE_PLACE(memory_that_could_not_be_written)
IN_ONE_PLACE(the_rest_of_a_word)
IN_ONE_PLACE(the_end_of_the_heap)
IN_ONE_PLACE(strings_in_a_list_of_its_own)
IN_ONE_PLACE(a_list_that_ends_earlier)
IN_ONE_PLACE(a_word_that_is_compared)
IN_ONE_PLACE(a_pointer_that_is_passed_on)
IN_ONE_PLACE(a_pointer_to_a_function)
IN_ONE_PLACE(the_environment)
IN_ONE_PLACE(thread_local_variables_and_errno)
IN_ONE_PLACE(what_memory_may_be_used_for)
IN_ONE_PLACE(whose_memory_it_is)
IN_ONE_PLACE(an_open_descriptor)
IN_ONE_PLACE(what_a_signal_does)
IN_ONE_PLACE(a_handler_of_fork)
IN_ONE_PLACE(the_time)
#if defined(__x86_64__)
IN_ONE_PLACE(the_cycles)
#endif
IN_ONE_PLACE(the_childs_own_number)
IN_ONE_PLACE(the_stack_of_the_caller)
IN_ONE_PLACE(the_heap)
IN_ONE_PLACE(a_function_that_has_been_bound)
IN_ONE_PLACE(a_second_thread)
IN_ONE_PLACE(libraries_that_are_loaded)

const struct pitfall pitfalls_changes[] = {
	{"a_hole_between_what_is_touched", a_hole_between_what_is_touched_in_one_place},
	{"mappings_apart_from_one_another", mappings_apart_from_one_another_in_one_place},
	{"a_text_that_is_gone", a_text_that_is_gone_in_one_place},
	{"a_page_that_is_guarded", a_page_that_is_guarded_in_one_place},
	{"the_programs_name", the_programs_name_in_one_place},
	{"memory_that_could_not_be_written", memory_that_could_not_be_written_in_one_place},
	{"the_rest_of_a_word", the_rest_of_a_word_in_one_place},
	{"the_end_of_the_heap", the_end_of_the_heap_in_one_place},
	{"strings_in_a_list_of_its_own", strings_in_a_list_of_its_own_in_one_place},
	{"a_list_that_ends_earlier", a_list_that_ends_earlier_in_one_place},
	{"a_word_that_is_compared", a_word_that_is_compared_in_one_place},
	{"a_pointer_that_is_passed_on", a_pointer_that_is_passed_on_in_one_place},
	{"a_pointer_to_a_function", a_pointer_to_a_function_in_one_place},
	{"the_environment", the_environment_in_one_place},
	{"thread_local_variables_and_errno", thread_local_variables_and_errno_in_one_place},
	{"what_memory_may_be_used_for", what_memory_may_be_used_for_in_one_place},
	{"whose_memory_it_is", whose_memory_it_is_in_one_place},
	{"an_open_descriptor", an_open_descriptor_in_one_place},
	{"what_a_signal_does", what_a_signal_does_in_one_place},
	{"a_handler_of_fork", a_handler_of_fork_in_one_place},
	{"the_time", the_time_in_one_place},
#if defined(__x86_64__)
	{"the_cycles", the_cycles_in_one_place},
#endif
	{"the_childs_own_number", the_childs_own_number_in_one_place},
	{"the_stack_of_the_caller", the_stack_of_the_caller_in_one_place},
	{"the_heap", the_heap_in_one_place},
	{"a_function_that_has_been_bound", a_function_that_has_been_bound_in_one_place},
	{"a_second_thread", a_second_thread_in_one_place},
	{"libraries_that_are_loaded", libraries_that_are_loaded_in_one_place},
	{NULL, NULL},
};
