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
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BEFORE 8 /* forks until every executor has kept what it keeps */
#define AFTER 3
#define PAGE 4096

static volatile int selector;
static const char *volatile command;
static void (*volatile choice)(void);
static __thread volatile int own;

static int repeated(void (*child)(void *), void *data, int expected, int times)
{
	for (int i = 0; i < times; i++)
		expect(exit_of(run_child(child, data)) == expected);
	return 0;
}

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
		expect(exit_of(run_child(show_own, NULL)) == 3);
	}
	errno = 33;
	expect(exit_of(run_child(show_own, NULL)) == 2);
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
	expect(exit_of(run_child(look_at_area, area)) == 2);
	expect(area[8] == 1);
	for (int i = 0; i < AFTER; i++) {
		expect(exit_of(run_child(look_at_area, area)) == 1);
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
		expect(exit_of(run_child(look_at_the_clock, NULL)) == 0);
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
		expect(exit_of(run_child(look_at_the_cycles, NULL)) == 0);
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
		expect(exit_of(run_child(allocate, block)) == 0);
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

const struct pitfall pitfalls_changes[] = {
	{"a_word_that_is_compared", a_word_that_is_compared},
	{"a_pointer_that_is_passed_on", a_pointer_that_is_passed_on},
	{"a_pointer_to_a_function", a_pointer_to_a_function},
	{"the_environment", the_environment},
	{"thread_local_variables_and_errno", thread_local_variables_and_errno},
	{"what_memory_may_be_used_for", what_memory_may_be_used_for},
	{"whose_memory_it_is", whose_memory_it_is},
	{"an_open_descriptor", an_open_descriptor},
	{"what_a_signal_does", what_a_signal_does},
	{"a_handler_of_fork", a_handler_of_fork},
	{"the_time", the_time},
#if defined(__x86_64__)
	{"the_cycles", the_cycles},
#endif
	{"the_childs_own_number", the_childs_own_number},
	{"the_stack_of_the_caller", the_stack_of_the_caller},
	{"the_heap", the_heap},
	{"a_function_that_has_been_bound", a_function_that_has_been_bound},
	{"a_second_thread", a_second_thread},
	{"libraries_that_are_loaded", libraries_that_are_loaded},
	{NULL, NULL},
};
