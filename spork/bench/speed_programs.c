/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What spork/speed runs under spork. vfork and fork alternate in one process, so that drift hits both; after each start
 * 1,024 pages are written, as a program at work would. The child of vfork makes its system call directly: libc's
 * execve is led through the runtime.
 */
#include "speed.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>

#include "target.h"

#define PAGE 4096u
#define WRITTEN_PAGES 1024u
#define FEW_PAGES 16u
#define ROUNDS_MAX 10000
#define BYSTANDER_NS INT64_C(600000000)
#define INTERVAL_NS INT64_C(50000000)

static unsigned char *heap;
static size_t heap_pages;
static char nonce[] = "17";

static inline long raw_execve(const char *path, char *const *argv)
{
	long result = SYS_execve;

	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"(path), "S"(argv), "d"(environ)
			 : "rcx", "r11", "memory");
	return result;
}

static void make_heap(size_t bytes)
{
	heap_pages = bytes / PAGE;
	heap = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (heap == MAP_FAILED)
		exit(SPEED_FAILED);
	(void)madvise(heap, bytes, MADV_NOHUGEPAGE);
	for (size_t page = 0; page < heap_pages; page++)
		heap[page * PAGE] = 1;
}

static void write_heap(void)
{
	for (size_t i = 0; i < WRITTEN_PAGES; i++)
		heap[heap_pages * i / WRITTEN_PAGES * PAGE]++;
}

/* The child's own writes, which must not be seen: what vfork's child writes is there already. */
static inline __attribute__((always_inline)) _Noreturn void run_child(
	char *const *argv, bool by_vfork, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		((volatile unsigned char *)heap)[i * PAGE + 1] = !by_vfork;
	if (by_vfork)
		(void)raw_execve(argv[0], argv);
	else
		(void)execve(argv[0], argv, environ);
	_exit(127);
}

/* A place each for children that differ: what spork keeps belongs to the place. */
static __attribute__((noinline)) pid_t start(char *const *argv, bool by_vfork)
{
	pid_t pid = by_vfork ? vfork() : fork();

	if (pid == 0)
		run_child(argv, by_vfork, 0);
	return pid;
}

static __attribute__((noinline)) pid_t start_writing(char *const *argv, bool by_vfork, size_t pages)
{
	pid_t pid = by_vfork ? vfork() : fork();

	if (pid == 0)
		run_child(argv, by_vfork, pages < FEW_PAGES ? pages : FEW_PAGES);
	return pid;
}

static __attribute__((noinline)) pid_t start_writing_many(
	char *const *argv, bool by_vfork, size_t pages)
{
	pid_t pid = by_vfork ? vfork() : fork();

	if (pid == 0)
		run_child(argv, by_vfork, pages);
	return pid;
}

static pid_t start_one(char *const *argv, bool by_vfork, size_t pages)
{
	if (pages == 0)
		return start(argv, by_vfork);
	return pages <= FEW_PAGES ? start_writing(argv, by_vfork, pages)
				  : start_writing_many(argv, by_vfork, pages);
}

static int64_t minor_faults(void)
{
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static int64_t median(int64_t *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return values[count / 2];
}

static _Noreturn void *sleep_for_ever(void *data)
{
	(void)data;
	for (;;)
		(void)pause();
}

static void print(const int64_t numbers[SPEED_NUMBERS])
{
	for (int i = 0; i < SPEED_NUMBERS; i++)
		(void)printf("%" PRId64 "%c", numbers[i], i + 1 < SPEED_NUMBERS ? ' ' : '\n');
}

static void starts(size_t bytes, bool threaded, size_t pages, int rounds, char *target)
{
	static int64_t call[2][ROUNDS_MAX], total[2][ROUNDS_MAX];
	char *const argv[] = {target, nonce, NULL};
	int64_t numbers[SPEED_NUMBERS], faults = 0;
	int expected = spork_target_status(nonce);
	pthread_t thread;

	memset(call, 0xff, sizeof(call));
	memset(total, 0xff, sizeof(total));
	make_heap(bytes);
	if (threaded && pthread_create(&thread, NULL, sleep_for_ever, NULL))
		exit(SPEED_FAILED);
	for (int i = 0; i < rounds; i++) {
		/* fork comes second, so that the first one finds warm what is not its own. */
		for (int way = 0; way < 2; way++) {
			int64_t before_ns = hb_clock_now_ns(), now_ns;
			pid_t pid = start_one(argv, way == 0, pages);
			int status = 0;

			now_ns = hb_clock_now_ns();
			call[way][i] = now_ns - before_ns;
			if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
				WEXITSTATUS(status) != expected)
				exit(SPEED_FAILED);
			total[way][i] = hb_clock_now_ns() - before_ns;
			faults -= minor_faults();
			write_heap();
			faults += minor_faults();
		}
	}
	for (size_t i = 0; i < pages; i++) {
		if (heap[i * PAGE + 1])
			exit(SPEED_FAILED);
	}
	numbers[SPEED_FIRST] = call[1][0];
	for (int way = 0; way < 2; way++) {
		numbers[2 * way] = median(call[way], rounds);
		numbers[2 * way + 1] = median(total[way], rounds);
	}
	numbers[SPEED_FIRST] -= numbers[SPEED_FORK_CALL];
	/* After a real fork every page faults once more. */
	if (faults > (int64_t)WRITTEN_PAGES * rounds / 2)
		exit(SPEED_FORKED);
	print(numbers);
}

static atomic_bool stop;
static uint64_t writes;

static void *write_pages(void *data)
{
	uint64_t state = 88172645463325252U;

	(void)data;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (int i = 0; i < 16; i++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			heap[(state >> 32) * heap_pages / (UINT64_C(1) << 32) * PAGE + 2]++;
		}
		writes += 16;
	}
	return NULL;
}

/* At most 20 starts a second. */
static void bystander(size_t bytes, bool does_start, char *target)
{
	char *const argv[] = {target, nonce, NULL};
	int64_t numbers[SPEED_NUMBERS] = {0}, start_ns;
	pthread_t thread;

	make_heap(bytes);
	start_ns = hb_clock_now_ns();
	if (pthread_create(&thread, NULL, write_pages, NULL))
		exit(SPEED_FAILED);
	for (int64_t next_ns = start_ns; next_ns < start_ns + BYSTANDER_NS;
		next_ns += INTERVAL_NS) {
		int status = 0;
		pid_t pid = does_start ? start(argv, false) : 0;

		if (pid < 0 ||
			(pid > 0 && (waitpid(pid, &status, 0) != pid ||
					    WEXITSTATUS(status) != spork_target_status(nonce))))
			exit(SPEED_FAILED);
		(void)hb_clock_sleep_until(next_ns + INTERVAL_NS, 0);
	}
	atomic_store(&stop, true);
	(void)pthread_join(thread, NULL);
	numbers[0] = (int64_t)((double)writes * 1e9 / (double)(hb_clock_now_ns() - start_ns));
	print(numbers);
}

static __attribute__((noinline)) pid_t start_image(char *const *argv, bool plain)
{
	pid_t pid = vfork();

	if (pid != 0)
		return pid;
	if (plain)
		(void)raw_execve(argv[0], argv);
	else
		(void)execve(argv[0], argv, environ);
	_exit(127);
}

/* Programs that never fork, by vfork, which spork leaves alone. */
static void images(int rounds, char *target)
{
	static int64_t times[2][ROUNDS_MAX];
	char command[] = "-c", nothing[] = ":";
	char *const argv[] = {target, command, nothing, NULL};
	int64_t numbers[SPEED_NUMBERS] = {0};

	for (int i = 0; i < rounds; i++) {
		for (int way = 0; way < 2; way++) {
			int64_t before_ns = hb_clock_now_ns();
			pid_t pid = start_image(argv, way == 0);
			int status = 0;

			if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
				exit(SPEED_FAILED);
			times[way][i] = hb_clock_now_ns() - before_ns;
		}
	}
	numbers[0] = median(times[0], rounds);
	numbers[1] = median(times[1], rounds);
	print(numbers);
}

void speed_program_enter(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[1], "--speed-program") != 0)
		return;
	if (argc == 8 && strcmp(argv[2], "starts") == 0)
		starts(strtoull(argv[3], NULL, 10), atoi(argv[4]), strtoull(argv[5], NULL, 10),
			atoi(argv[6]), argv[7]);
	else if (argc == 6 && strcmp(argv[2], "bystander") == 0)
		bystander(strtoull(argv[3], NULL, 10), atoi(argv[4]), argv[5]);
	else if (argc == 5 && strcmp(argv[2], "images") == 0)
		images(atoi(argv[3]), argv[4]);
	else
		exit(2);
	exit(0);
}
