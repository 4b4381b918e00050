/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fixed part of every program of generated cases. Usage: cases NUMBER ROUNDS PROBE STATIC-PROBE,
 * in an empty folder.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

#define TEXT_BYTES (512 * 1024)
#define PICTURE_BYTES (16 * 1024 * 1024)
#define REGIONS_MAX 64
#define CHANGES_MAX 64
#define ERRNO_BEFORE 77
#define RSEQ_BYTES 32
#define TLS_BELOW 256
#define TLS_ABOVE 0x900

struct oracle_shared *oracle;
char oracle_notes[2048];
volatile int oracle_zero, oracle_one = 1;
unsigned char *oracle_area;
long *oracle_global_pointer;
long oracle_globals[64];
__thread long oracle_tls[8];
sigjmp_buf oracle_jump;
int oracle_pipe[2], oracle_back[2];

struct region {
	uintptr_t start, end, base;
	char name[40];
	unsigned char *copy;
};

/* All that changes between the two pictures and must not be seen: in a mapping of its own. */
struct picture {
	struct region regions[REGIONS_MAX];
	int count;
	unsigned char copies[PICTURE_BYTES];
	size_t used;
	char maps[65536];
	char text_bytes[TEXT_BYTES];
	struct spork_text text;
	char out[4096];
	uintptr_t stack_from;
	pthread_t threads[16];
	int thread_count;
	pid_t main_thread;
};

static struct picture *picture;

void oracle_note(const char *name, long value)
{
	size_t at = strlen(oracle_notes);

	if (at < sizeof(oracle_notes) - 100)
		(void)snprintf(
			oracle_notes + at, sizeof(oracle_notes) - at, "%.40s=%ld;", name, value);
}

static void add_region(uintptr_t start, uintptr_t end, uintptr_t base, const char *name)
{
	struct region *region = &picture->regions[picture->count];

	if (picture->count == REGIONS_MAX || end - start > PICTURE_BYTES - picture->used)
		return;
	*region = (struct region){.start = start, .end = end, .base = base};
	(void)snprintf(region->name, sizeof(region->name), "%s", name);
	region->copy = picture->copies + picture->used;
	picture->used += end - start;
	picture->count++;
}

/* Writable memory of the program and of libc; not the runtime's, which it may change as it likes. */
static int add_module(struct dl_phdr_info *info, size_t size, void *data)
{
	const char *slash = strrchr(info->dlpi_name, '/');
	const char *name = slash ? slash + 1 : info->dlpi_name;

	(void)size;
	(void)data;
	if (strstr(name, "spork") || strstr(name, "saboteur") || strstr(name, "vdso"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_W)
			add_region(start, start + segment->p_memsz, info->dlpi_addr,
				*name ? name : "program");
	}
	return 0;
}

/* The stack above main, and what the thread pointer points to: only the kernel knows how far they go. */
static void add_mapping(const char *line)
{
	unsigned long start, end;
	uintptr_t thread = (uintptr_t)__builtin_thread_pointer();

	if (sscanf(line, "%lx-%lx", &start, &end) != 2)
		return;
	if (picture->stack_from >= start && picture->stack_from < end)
		add_region(picture->stack_from, end, end, "stack");
	if (thread >= start && thread < end) {
		uintptr_t from = thread - TLS_BELOW < start ? start : thread - TLS_BELOW;

		add_region(
			from, thread + TLS_ABOVE > end ? end : thread + TLS_ABOVE, thread, "tls");
	}
	/* Siblings allocate and free: then the heap changes by itself. */
	if (picture->thread_count == 0 && strstr(line, "[heap]") && (uintptr_t)sbrk(0) > start)
		add_region(start, (uintptr_t)sbrk(0), start, "heap");
}

static void find_regions(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	while (fd >= 0 && length < sizeof(picture->maps) - 1 &&
		(got = read(fd, picture->maps + length, sizeof(picture->maps) - 1 - length)) > 0)
		length += (size_t)got;
	(void)close(fd);
	picture->maps[length] = '\0';
	picture->count = 0;
	picture->used = 0;
	(void)dl_iterate_phdr(add_module, NULL);
	for (char *line = picture->maps; *line;) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		add_mapping(line);
		line = end ? end + 1 : line + strlen(line);
	}
	add_region((uintptr_t)oracle_area, (uintptr_t)oracle_area + ORACLE_AREA,
		(uintptr_t)oracle_area, "area");
}

void oracle_before(void)
{
	find_regions();
	errno = ERRNO_BEFORE;
	for (int i = 0; i < picture->count; i++)
		memcpy(picture->regions[i].copy, (void *)picture->regions[i].start,
			picture->regions[i].end - picture->regions[i].start);
}

/* Where the kernel tells the thread its CPU, which changes by itself. */
static int is_kernels(uintptr_t address)
{
	uintptr_t area = (uintptr_t)__builtin_thread_pointer() + (uintptr_t)__rseq_offset;

	return address + sizeof(long) > area && address < area + RSEQ_BYTES;
}

/* Words, because how many bytes of a pointer change is chance. */
static void compare_region(const struct region *region)
{
	const unsigned char *now = (const unsigned char *)region->start;
	size_t size = region->end - region->start;
	int changes = 0;

	for (size_t i = 0; i < size; i += sizeof(long)) {
		size_t length = size - i < sizeof(long) ? size - i : sizeof(long);

		if (memcmp(now + i, region->copy + i, length) != 0 &&
			!is_kernels(region->start + i) && changes++ < CHANGES_MAX)
			spork_text_add(&picture->text, "changed %s%+ld\n", region->name,
				(long)(region->start + i - region->base));
	}
}

static void flush(void)
{
	int fd = open(picture->out, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	size_t done = 0;
	ssize_t wrote = 1;

	while (fd >= 0 && done < picture->text.length && wrote > 0) {
		wrote = write(fd, picture->text_bytes + done, picture->text.length - done);
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	(void)close(fd);
	picture->text.length = 0;
}

void oracle_after(pid_t child)
{
	int error = errno;

	for (int i = 0; i < picture->count; i++)
		compare_region(&picture->regions[i]);
	oracle->child = child;
	spork_text_add(&picture->text, "-- parent\nregions %d\nfork %s errno %d\n", picture->count,
		child > 0 ? "made a child" : "failed", error);
	spork_text_add(&picture->text, "tid %s cpu %s\n",
		syscall(SYS_gettid) == picture->main_thread ? "same" : "other",
		sched_getcpu() >= 0 ? "known" : "unknown");
}

static void describe_status(const char *how, pid_t got, pid_t child, int status)
{
	spork_text_add(&picture->text, "%s %s ", how,
		got == child ? "the child"
		: got < 0    ? "none"
			     : "another");
	if (got < 0)
		spork_text_add(&picture->text, "errno %d\n", errno);
	else if (WIFEXITED(status))
		spork_text_add(&picture->text, "exited %d\n", WEXITSTATUS(status));
	else
		spork_text_add(&picture->text, "killed %d%s\n", WTERMSIG(status),
			WCOREDUMP(status) ? " core" : "");
}

static void wait_info(pid_t child)
{
	siginfo_t info = {0};
	int got = waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);

	spork_text_add(&picture->text, "waitid %d code %d status %d signal %d pid %d\n",
		got ? errno : 0, info.si_code, info.si_status, info.si_signo, info.si_pid == child);
}

static void poll_child(pid_t child)
{
	const struct timespec pause = {.tv_nsec = 200000};
	int status = 0;
	pid_t got;

	while ((got = waitpid(child, &status, WNOHANG)) == 0)
		(void)nanosleep(&pause, NULL);
	describe_status("polled", got, child, status);
}

/* A signal that is blocked is taken by sigtimedwait(), its information included. */
static void take_signal(pid_t child)
{
	const struct timespec limit = {.tv_sec = 5};
	siginfo_t info = {0};
	sigset_t set, old;
	int got;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, NULL, &old);
	/* Another thread, which does not block it, may be given the signal and drop it. */
	if (!sigismember(&old, SIGCHLD) || picture->thread_count > 0)
		return;
	do
		got = sigtimedwait(&set, &info, &limit);
	while (got < 0 && errno == EINTR);
	spork_text_add(&picture->text, "sigwait %d code %d status %d pid %d\n", got, info.si_code,
		info.si_status, info.si_pid == child);
}

static void describe_parent(void)
{
	long sum = 0;

	for (int number = 1; number <= 64; number++) {
		if (oracle->handled[number])
			spork_text_add(&picture->text, "handled %d x %d\n", number,
				oracle->handled[number]);
	}
	spork_text_add(&picture->text, "handled elsewhere %d expected %d\n",
		oracle->handled_elsewhere, oracle->elsewhere_expected);
	for (size_t i = 0; i < ORACLE_AREA; i++)
		sum = sum * 31 + oracle_area[i];
	for (size_t i = 0; i < sizeof(oracle_globals) / sizeof(oracle_globals[0]); i++)
		sum = sum * 31 + oracle_globals[i];
	for (size_t i = 0; i < sizeof(oracle_tls) / sizeof(oracle_tls[0]); i++)
		sum = sum * 31 + oracle_tls[i];
	spork_text_add(&picture->text, "memory %lx shared %ld notes \"%s\"\n", (unsigned long)sum,
		oracle->counter, oracle_notes);
	for (char **variable = environ; *variable; variable++) {
		spork_text_add(&picture->text, "environment \"");
		spork_text_add_quoted(&picture->text, *variable);
		spork_text_add(&picture->text, "\"\n");
	}
	spork_state_describe(&picture->text, oracle->work, 1);
}

void oracle_wait(pid_t child, int way)
{
	int status = 0;
	pid_t got;

	switch (way) {
	case 0:
		wait_info(child);
		break;
	case 1:
		poll_child(child);
		break;
	case 2:
		take_signal(child);
		break;
	default:
		break;
	}
	do
		got = way == 3 ? wait(&status) : waitpid(child, &status, 0);
	while (got < 0 && errno == EINTR);
	describe_status("waited", got, child, status);
	got = waitpid(-1, &status, WNOHANG | __WALL);
	spork_text_add(&picture->text, "left %d errno %d\n", got, got < 0 ? errno : 0);
	/* Compare without the address at which the work is done next. */
	oracle_stop_threads();
	describe_parent();
	flush();
}

void oracle_handler(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (getpid() != oracle->parent) {
		oracle->handled_elsewhere++;
		oracle_globals[1]++;
		return;
	}
	oracle->handled[number]++;
	if (number == SIGCHLD && info->si_code != CLD_EXITED && info->si_code != CLD_KILLED &&
		info->si_code != CLD_DUMPED)
		oracle->handled[0]++;
}

void oracle_simple_handler(int number)
{
	siginfo_t info = {.si_code = CLD_EXITED};

	oracle_handler(number, &info, NULL);
}

static void *thread_main(void *argument)
{
	long kind = (long)argument;
	const struct timespec pause = {.tv_nsec = 300000};
	unsigned turn = 0;

	/* Once before anybody waits for it: the first use of a function writes to the program's tables. */
	(void)nanosleep(&pause, NULL);
	free(malloc(1));
	oracle->running_threads++;
	while (!oracle->stop_threads) {
		if (kind == 0) {
			(void)nanosleep(&pause, NULL);
			continue;
		}
		for (int i = 0; i < 200; i++)
			oracle->noise[turn++ % ORACLE_NOISE]++;
		if (kind == 2)
			free(malloc(turn % 3000 + 1));
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

void oracle_start_threads(int kind, int count)
{
	oracle->stop_threads = 0;
	oracle->running_threads = picture->thread_count;
	for (int i = 0; i < count; i++) {
		if (pthread_create(&picture->threads[picture->thread_count], NULL, thread_main,
			    (void *)(long)kind) == 0)
			picture->thread_count++;
	}
	while (oracle->running_threads < picture->thread_count)
		(void)sched_yield();
}

void oracle_stop_threads(void)
{
	oracle->stop_threads = 1;
	for (int i = 0; i < picture->thread_count; i++)
		(void)pthread_join(picture->threads[i], NULL);
	picture->thread_count = 0;
}

void oracle_arguments(char **arguments, const char *name)
{
	arguments[0] = (char *)(uintptr_t)name;
	arguments[1] = oracle->out_child;
	arguments[2] = oracle->parent_text;
	arguments[3] = oracle->work;
	arguments[4] = oracle_notes;
}

static void *map(size_t size, int flags)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (memory == MAP_FAILED)
		_exit(97);
	return memory;
}

static void prepare(char **argv)
{
	picture = map(sizeof(*picture), MAP_SHARED);
	oracle = map(sizeof(*oracle), MAP_SHARED);
	oracle_area = map(ORACLE_AREA, MAP_PRIVATE);
	for (size_t i = 0; i < ORACLE_AREA; i++)
		oracle_area[i] = (unsigned char)(i * 7 + i / 251);
	picture->text = (struct spork_text){.bytes = picture->text_bytes, .capacity = TEXT_BYTES};
	picture->main_thread = (pid_t)syscall(SYS_gettid);
	oracle->parent = getpid();
	if (!getcwd(oracle->work, 3000))
		_exit(98);
	(void)snprintf(picture->out, sizeof(picture->out), "%s/out.parent", oracle->work);
	(void)snprintf(oracle->out_child, sizeof(oracle->out_child), "%s/out.child", oracle->work);
	(void)snprintf(
		oracle->out_nested, sizeof(oracle->out_nested), "%s/out.nested", oracle->work);
	(void)snprintf(oracle->parent_text, sizeof(oracle->parent_text), "%d", oracle->parent);
	(void)snprintf(oracle->probe, sizeof(oracle->probe), "%s", argv[3]);
	(void)snprintf(oracle->probe_static, sizeof(oracle->probe_static), "%s", argv[4]);
}

int main(int argc, char **argv)
{
	volatile uintptr_t mark[8] = {0};
	int number, rounds;

	if (argc < 5 || (number = atoi(argv[1])) < 0 || number >= oracle_case_count)
		return 95;
	prepare(argv);
	picture->stack_from = (uintptr_t)&mark[8];
	rounds = atoi(argv[2]);
	for (int i = 0; i < rounds; i++)
		oracle_cases[number]();
	return oracle_zero;
}
