/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads: locks at the fork, siblings that write, cached identities, atfork handlers. */
#include "contract.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool stop;
static atomic_long turns;
static volatile long pair[2];
static char order[64];
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

static void *allocate_for_ever(void *data)
{
	while (!atomic_load(&stop)) {
		void *block = malloc(1 + (size_t)(turns % 5000));

		(void)fprintf(data, "%ld", (long)turns);
		free(block);
		turns++;
	}
	return NULL;
}

static void use_locks(void *data)
{
	char *block = malloc(3000);

	(void)fprintf(data, "child");
	block = realloc(block, 10000);
	free(block);
	exec_shell("exit 3");
}

static int locks_held_by_siblings_at_fork(void)
{
	FILE *null = fopen("/dev/null", "we");
	pthread_t threads[2];

	atomic_store(&stop, false);
	for (int i = 0; i < 2; i++)
		expect(pthread_create(&threads[i], NULL, allocate_for_ever, null) == 0);
	for (int i = 0; i < 50; i++)
		expect(exit_of(run_child(use_locks, null)) == 3);
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		expect(pthread_join(threads[i], NULL) == 0);
	(void)fclose(null);
	return 0;
}

static void *write_pairs(void *data)
{
	(void)data;
	while (!atomic_load(&stop)) {
		(void)pthread_mutex_lock(&guard);
		pair[0]++;
		pair[1]++;
		(void)pthread_mutex_unlock(&guard);
	}
	return NULL;
}

/* The fork happens while the lock is held by the forking thread, so the child must see equal numbers. */
static void look_at_pair(void *data)
{
	bool equal = pair[0] == pair[1];

	(void)data;
	exec_shell(equal ? "exit 0" : "exit 1");
}

static int child_sees_one_moment_of_its_siblings(void)
{
	pthread_t thread;

	atomic_store(&stop, false);
	expect(pthread_create(&thread, NULL, write_pairs, NULL) == 0);
	for (int i = 0; i < 30; i++) {
		int status;

		(void)pthread_mutex_lock(&guard);
		status = run_child(look_at_pair, NULL);
		(void)pthread_mutex_unlock(&guard);
		expect(exit_of(status) == 0);
	}
	atomic_store(&stop, true);
	expect(pthread_join(thread, NULL) == 0);
	return 0;
}

static void *fork_many(void *data)
{
	long *failures = data;

	for (int i = 0; i < 30; i++)
		*failures += exit_of(run_child((void (*)(void *))(uintptr_t)exec_shell,
				     (void *)(uintptr_t) "exit 4")) != 4;
	return NULL;
}

static int two_threads_fork_at_once(void)
{
	pthread_t threads[2];
	long failures[2] = {0, 0};

	for (int i = 0; i < 2; i++)
		expect(pthread_create(&threads[i], NULL, fork_many, &failures[i]) == 0);
	for (int i = 0; i < 2; i++)
		expect(pthread_join(threads[i], NULL) == 0);
	expect(failures[0] == 0 && failures[1] == 0);
	return 0;
}

static void *count_children(void *data)
{
	int *seen = data;

	while (!atomic_load(&stop)) {
		int status;

		if (waitpid(-1, &status, WNOHANG) > 0)
			*seen += exit_of(status) == 5 ? 1 : 1000;
		(void)sched_yield();
	}
	return NULL;
}

/* A sibling that waits for any child sees each child once, and nothing else. */
static int sibling_that_waits_sees_only_real_children(void)
{
	pthread_t thread;
	int seen = 0;

	atomic_store(&stop, false);
	expect(pthread_create(&thread, NULL, count_children, &seen) == 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0)
			exec_shell("exit 5");
		expect(pid > 0);
	}
	(void)usleep(500000);
	atomic_store(&stop, true);
	expect(pthread_join(thread, NULL) == 0);
	while (waitpid(-1, NULL, 0) > 0)
		seen++;
	expect(seen == 20);
	return 0;
}

static void note(char letter)
{
	size_t length = strlen(order);

	if (length < sizeof(order) - 1)
		order[length] = letter;
}

static void first_prepare(void)
{
	note('p');
}

static void first_parent(void)
{
	note('a');
}

static void first_child(void)
{
	note('c');
}

static void second_prepare(void)
{
	note('P');
}

static void second_parent(void)
{
	note('A');
}

static void second_child(void)
{
	note('C');
}

static void check_order(void *data)
{
	(void)data;
	exec_shell(strcmp(order, "PpcC") == 0 ? "exit 0" : "exit 1");
}

static int atfork_handlers_run_once_in_order(void)
{
	(void)pthread_atfork(first_prepare, first_parent, first_child);
	(void)pthread_atfork(second_prepare, second_parent, second_child);
	for (int i = 0; i < ROUNDS; i++) {
		memset(order, 0, sizeof(order));
		expect(exit_of(run_child(check_order, NULL)) == 0);
		expect(strcmp(order, "PpaA") == 0);
	}
	return 0;
}

static void take_own_lock(void *data)
{
	exec_shell(pthread_mutex_unlock(data) == 0 && pthread_mutex_lock(data) == 0 ? "exit 0"
										    : "exit 1");
}

/* Such a mutex knows its owner by the thread id that libc has cached. */
static int cached_thread_id_is_right_on_both_sides(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t mutex;

	(void)pthread_mutexattr_init(&attributes);
	(void)pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	(void)pthread_mutex_init(&mutex, &attributes);
	for (int i = 0; i < ROUNDS; i++) {
		int status;

		expect(pthread_mutex_lock(&mutex) == 0);
		status = run_child(
			(void (*)(void *))(uintptr_t)exec_shell, (void *)(uintptr_t) "exit 0");
		expect(exit_of(status) == 0);
		expect(pthread_mutex_lock(&mutex) == EDEADLK);
		expect(pthread_mutex_unlock(&mutex) == 0);
		expect(exit_of(run_child(take_own_lock, &mutex)) == 1);
	}
	return 0;
}

static void check_cpu(void *data)
{
	cpu_set_t one;

	(void)data;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		_exit(2);
	exec_shell(sched_getcpu() == 0
			   ? "test \"$(grep -c 'Cpus_allowed_list:.0$' /proc/self/status)\" = 1"
			   : "exit 1");
}

static int restartable_sequences_stay_registered(void)
{
	cpu_set_t all, one;

	expect(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(check_cpu, NULL)) == 0);
		for (int cpu = 0; cpu < 2; cpu++) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			if (sched_setaffinity(0, sizeof(one), &one) == 0)
				expect(sched_getcpu() == cpu);
		}
		expect(sched_setaffinity(0, sizeof(all), &all) == 0);
	}
	return 0;
}

static void *start_in_child(void *data)
{
	*(int *)data = 5;
	return NULL;
}

static void create_thread(void *data)
{
	pthread_t thread;
	int value = 0;

	(void)data;
	if (pthread_create(&thread, NULL, start_in_child, &value) || pthread_join(thread, NULL))
		_exit(1);
	exec_shell(value == 5 ? "exit 0" : "exit 1");
}

static int child_that_starts_a_thread(void)
{
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(create_thread, NULL)) == 0);
	expect(status_value("Threads", 10) == 1);
	return 0;
}

const struct pitfall pitfalls_threads[] = {
	{"locks-held-by-siblings-at-fork", locks_held_by_siblings_at_fork},
	{"child-sees-one-moment-of-its-siblings", child_sees_one_moment_of_its_siblings},
	{"two-threads-fork-at-once", two_threads_fork_at_once},
	{"sibling-that-waits-sees-only-real-children", sibling_that_waits_sees_only_real_children},
	{"atfork-handlers-run-once-in-order", atfork_handlers_run_once_in_order},
	{"cached-thread-id-is-right-on-both-sides", cached_thread_id_is_right_on_both_sides},
	{"restartable-sequences-stay-registered", restartable_sequences_stay_registered},
	{"child-that-starts-a-thread", child_that_starts_a_thread},
	{NULL, NULL},
};
