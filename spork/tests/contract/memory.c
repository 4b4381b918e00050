/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory: what the child writes stays the child's, except where it is shared. */
#include "contract.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AREA (64 * 4096)
#define HUGE_BYTES (8 << 20)

static char global[4096] = "global";
static char *heap;
static __thread char local[64] = "local";

static void scribble(void *data)
{
	char *stack = data;

	memset(global, 'x', sizeof(global));
	memset(heap, 'x', 4096);
	memset(local, 'x', sizeof(local));
	memset(stack, 'x', 64);
	errno = 99;
	(void)setenv("SCRIBBLED", "yes", 1);
	free(malloc(100000));
	exec_shell("test \"$SCRIBBLED\" = yes");
}

static int writes_stay_in_the_child(void)
{
	char stack[64] = "stack";

	heap = calloc(1, 4096);
	for (int i = 0; i < ROUNDS; i++) {
		errno = 7;
		expect(exit_of(run_child(scribble, stack)) == 0);
		expect(strcmp(global, "global") == 0 && heap[0] == 0 && heap[4095] == 0);
		expect(strcmp(local, "local") == 0 && strcmp(stack, "stack") == 0);
		expect(!getenv("SCRIBBLED"));
	}
	return 0;
}

static int errno_of_the_parent_is_kept(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid;

		errno = 1234;
		pid = fork();
		if (pid == 0) {
			errno = 1;
			(void)execl("/missing", "missing", (char *)NULL);
			_exit(errno == ENOENT ? 3 : 4);
		}
		expect(errno == 1234);
		expect(waitpid(pid, NULL, 0) == pid);
	}
	return 0;
}

static void write_shared(void *data)
{
	volatile int *shared = data;

	shared[0]++;
	shared[1000] = 5;
	exec_shell("exit 2");
}

static int shared_mappings_keep_what_the_child_wrote(void)
{
	volatile int *shared =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(write_shared, (void *)(uintptr_t)shared)) == 2);
		expect(shared[0] == i + 1 && shared[1000] == 5);
	}
	return 0;
}

static void read_area(void *data)
{
	volatile char *area = data;

	exec_shell(area[100] == 0 ? "exit 0" : "exit 1");
}

static int wipe_on_fork_reads_as_zero(void)
{
	char *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(area, 1, AREA);
	if (madvise(area, AREA, MADV_WIPEONFORK))
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(read_area, area)) == 0);
		expect(area[100] == 1);
	}
	return 0;
}

static int dont_fork_is_not_there_in_the_child(void)
{
	char *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rlimit no_core = {0, 0};

	memset(area, 1, AREA);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (madvise(area, AREA, MADV_DONTFORK))
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(read_area, area)) == 1000 + SIGSEGV);
		expect(area[100] == 1);
	}
	return 0;
}

static void write_area(void *data)
{
	volatile char *area = data;

	area[100] = 5;
	exec_shell(area[100] == 5 && area[101] == 0 && area[AREA - 1] == 0 ? "exit 0" : "exit 1");
}

static void pass_area_to_the_kernel(void *data)
{
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC), in = open("/dev/zero", O_RDONLY);
	char *area = data;

	/* Writing to the null device reads nothing: only what has to be filled tells. */
	if (out < 0 || in < 0 || read(in, area, 4096) >= 0 || errno != EFAULT)
		exec_shell("exit 1");
	exec_shell("exit 0");
}

static int wiped_memory_can_be_written_in_the_child(void)
{
	char *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(area, 1, AREA);
	if (madvise(area, AREA, MADV_WIPEONFORK))
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(write_area, area)) == 0);
		expect(area[100] == 1 && area[101] == 1 && area[AREA - 1] == 1);
	}
	expect(madvise(area, AREA, MADV_KEEPONFORK) == 0);
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(write_area, area)) == 1 && area[100] == 1);
	return 0;
}

static int missing_memory_is_an_error_of_the_kernel(void)
{
	char *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rlimit no_core = {0, 0};

	memset(area, 1, AREA);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (madvise(area, AREA, MADV_DONTFORK))
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(write_area, area)) == 1000 + SIGSEGV);
		expect(exit_of(run_child(pass_area_to_the_kernel, area)) == 0);
		expect(area[0] == 1 && area[100] == 1);
	}
	expect(madvise(area, AREA, MADV_DOFORK) == 0);
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(pass_area_to_the_kernel, area)) == 1 && area[0] == 1);
	return 0;
}

static void change_mappings(void *data)
{
	char *area = data;
	char *other = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *top = sbrk(0);

	memset(other, 7, AREA);
	(void)munmap(area, AREA);
	(void)sbrk(65536);
	memset(top, 7, 65536);
	(void)mprotect(global, 1, PROT_READ | PROT_WRITE);
	exec_shell(other[5] == 7 ? "exit 0" : "exit 1");
}

static int mappings_of_the_parent_stay(void)
{
	char *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *top;

	memset(area, 3, AREA);
	top = sbrk(0);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(change_mappings, area)) == 0);
		expect(area[0] == 3 && area[AREA - 1] == 3);
		expect(sbrk(0) == top);
	}
	return 0;
}

static struct {
	struct stat stat;
	struct utsname name;
	struct timespec time;
	struct rlimit limit;
	int pipe[2];
	char path[4096], bytes[64];
} outputs;

/* Buffers that the kernel writes to. */
static void fill_outputs(void *data)
{
	int fd = open("/proc/self/status", O_RDONLY);
	bool good = fstat(fd, &outputs.stat) == 0 && uname(&outputs.name) == 0 &&
		    clock_gettime(CLOCK_REALTIME, &outputs.time) == 0 &&
		    getrlimit(RLIMIT_NOFILE, &outputs.limit) == 0 && pipe(outputs.pipe) == 0 &&
		    getcwd(outputs.path, sizeof(outputs.path)) &&
		    read(fd, outputs.bytes, sizeof(outputs.bytes)) == sizeof(outputs.bytes);

	(void)data;
	good = good && outputs.time.tv_sec && outputs.path[0] == '/' && outputs.bytes[0] == 'N' &&
	       outputs.name.sysname[0] == 'L' && outputs.limit.rlim_cur && outputs.pipe[1] > 0;
	exec_shell(good ? "exit 0" : "exit 1");
}

static int kernel_writes_go_to_the_child_only(void)
{
	static const char zero[sizeof(outputs)];

	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(fill_outputs, NULL)) == 0);
		expect(memcmp(&outputs, zero, sizeof(zero)) == 0);
	}
	return 0;
}

/* Wide vector instructions, in every length and alignment. */
static void use_strings(void *data)
{
	char text[600], copy[600];
	int wrong = 0;

	(void)data;
	for (int length = 0; length < 500; length += 7) {
		int at = length % 33;

		memset(text, 'a', sizeof(text));
		text[at + length] = '\0';
		wrong += strlen(text + at) != (size_t)length;
		wrong += memchr(text + at, '\0', 550) != text + at + length;
		memcpy(copy, text + at, (size_t)length + 1);
		wrong += strcmp(copy, text + at) != 0;
		wrong += strchr(copy, 'b') != NULL;
		wrong += strrchr(copy, 'a') != (length ? copy + length - 1 : NULL);
		memmove(copy + 1, copy, (size_t)length + 1);
		wrong += strnlen(copy + 1, 400) != (size_t)(length < 400 ? length : 400);
	}
	exec_shell(wrong ? "exit 1" : "exit 0");
}

static int string_functions_are_right_in_the_child(void)
{
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(use_strings, NULL)) == 0);
	return 0;
}

static void bind_lazily(void *data)
{
	(void)data;
	exec_shell(
		strtoimax("42", NULL, 10) == 42 && strspn("aab", "a") == 2 ? "exit 0" : "exit 1");
}

static int functions_first_called_in_the_child_work_in_the_parent(void)
{
	expect(exit_of(run_child(bind_lazily, NULL)) == 0);
	expect(strtoimax("43", NULL, 10) == 43 && strspn("aaab", "a") == 3);
	return 0;
}

/* The child goes on in the caller of the function that forked, and makes use of the stack there. */
static __attribute__((noinline)) pid_t fork_below(long *ret)
{
	volatile long frame[32];
	pid_t pid;

	for (int i = 0; i < 32; i++)
		frame[i] = i;
	pid = fork();
	*ret = frame[31] + frame[0];
	return pid;
}

static __attribute__((noinline)) void overwrite_stack(void)
{
	volatile char dead[8192];

	for (size_t i = 0; i < sizeof(dead); i++)
		dead[i] = 'x';
}

static int child_that_returns_leaves_the_parents_frames(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		long a = 11, b = 22, c = 33, d = 44, sum = 0;
		pid_t pid;
		int status;

		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
		pid = fork_below(&sum);
		if (pid == 0) {
			overwrite_stack();
			exec_shell(a + b + c + d + sum == 141 ? "exit 6" : "exit 1");
		}
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 6);
		expect(a == 11 && b == 22 && c == 33 && d == 44 && sum == 31);
	}
	return 0;
}

static jmp_buf jump;

static __attribute__((noinline)) void fork_and_jump(pid_t *ret)
{
	*ret = fork();
	if (*ret == 0)
		longjmp(jump, 1);
}

static int longjmp_over_the_fork(void)
{
	for (volatile int i = 0; i < ROUNDS; i++) {
		pid_t pid = -1;
		int status;

		if (setjmp(jump))
			exec_shell("exit 8");
		fork_and_jump(&pid);
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 8);
	}
	return 0;
}

static long huge_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long value = -1;

	while (file && fgets(line, sizeof(line), file))
		(void)sscanf(line, "AnonHugePages: %ld", &value);
	if (file)
		(void)fclose(file);
	return value;
}

static void write_scattered(void *data)
{
	for (size_t i = 0; i < 64; i++)
		((volatile char *)data)[i * HUGE_BYTES / 64 + 5] = 1;
	exec_shell("exit 0");
}

static int huge_pages_are_not_split(void)
{
	char *area = mmap(
		NULL, 4 * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long before;

	(void)madvise(area, 4 * HUGE_BYTES, MADV_HUGEPAGE);
	memset(area, 2, 4 * HUGE_BYTES);
	before = huge_bytes();
	if (before < HUGE_BYTES / 1024)
		return SKIPPED;
	area = (char *)(((uintptr_t)area + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES);
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(write_scattered, area)) == 0);
	expect(area[5] == 2);
	/* fork splits none of the parent's either: it is the child that copies. */
	expect(huge_bytes() * 10 >= before * 9);
	return 0;
}

/* What every fork leaves grows in every window of them; a code file that is mapped once grows in one. */
static int a_thousand_forks_leave_nothing(void)
{
	long before = 0, least = LONG_MAX;

	for (int i = 0; i <= 1000; i++) {
		if (i > 0 && i % 200 == 0) {
			long now = status_value("VmSize", 10);

			if (i > 200 && now - before < least)
				least = now - before;
			before = now;
		}
		expect(exit_of(run_child((void (*)(void *))(uintptr_t)exec_shell,
			       (void *)(uintptr_t) "exit 0")) == 0);
	}
	expect(least < 1024);
	expect(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
	return 0;
}

static void die_of_a_fault(void *data)
{
	struct rlimit no_core = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &no_core);
	*(volatile char *)data = 1;
	_exit(0);
}

static int a_fault_kills_the_child_only(void)
{
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(die_of_a_fault, (void *)(uintptr_t)16)) == 1000 + SIGSEGV);
	return 0;
}

/* What @name says of @argument in a library that only the child loads; 0 = cannot be loaded. */
static double computed(void **ret_library, const char *name, double argument)
{
	double (*function)(double);

	*ret_library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
	function = *ret_library ? (double (*)(double))(uintptr_t)dlsym(*ret_library, name) : NULL;
	return function ? function(argument) : 0.0;
}

static void load(void *data)
{
	void *library;

	(void)data;
	if (computed(&library, "cbrt", 8.0) != 2.0 || computed(&library, "floor", 2.5) != 2.0)
		_exit(9);
	exec_shell("exit 6");
}

static void load_and_unload(void *data)
{
	void *library;

	(void)data;
	if (computed(&library, "cbrt", 8.0) != 2.0 || dlclose(library))
		_exit(9);
	exec_shell("exit 6");
}

/* Is there a library of this name in the process? */
static bool is_loaded(const char *name)
{
	void *library = dlopen(name, RTLD_NOW | RTLD_NOLOAD);

	if (library)
		(void)dlclose(library);
	return library != NULL;
}

static int a_library_loaded_in_the_child_is_its_own(void)
{
	if (is_loaded("libm.so.6"))
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(load, NULL)) == 6);
		expect(!is_loaded("libm.so.6"));
		expect(exit_of(run_child(load_and_unload, NULL)) == 6);
		expect(!is_loaded("libm.so.6"));
	}
	return 0;
}

/* The parent loads at its own time what a child has loaded before, perhaps at the same address. */
static int a_library_of_a_child_can_be_loaded_by_the_parent(void)
{
	void *library;

	if (is_loaded("libm.so.6"))
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(load, NULL)) == 6);
		expect(computed(&library, "cbrt", 64.0) == 4.0);
		expect(exit_of(run_child(load, NULL)) == 6);
		expect(dlclose(library) == 0);
	}
	return 0;
}

/* A page of a file over the middle of three, as the dynamic linker places segments. */
static void map_over(void *data)
{
	int fd = *(int *)data;
	char *area =
		mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *middle;

	if (area == MAP_FAILED)
		_exit(9);
	memset(area, 'a', 3 * 4096);
	middle = mmap(area + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
	if (middle != area + 4096 || area[4095] != 'a' || middle[0] != 'f' || middle[4] != 0 ||
		area[8192] != 'a')
		_exit(9);
	exec_shell("exit 6");
}

/* Behind the file's last page there is nothing. */
static void read_behind(void *data)
{
	volatile char *area = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE, *(int *)data, 0);

	if (area[0] == 'f' && area[2 * 4096] == 0)
		exec_shell("exit 6");
	_exit(9);
}

static void map_noreplace(void *data)
{
	enum { NOREPLACE = 0x100000 };
	char *area = mmap(data, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | NOREPLACE, -1, 0);

	exec_shell(area == MAP_FAILED && errno == EEXIST ? "exit 6" : "exit 9");
}

static int mappings_at_given_addresses_are_there(void)
{
	const struct rlimit no_core = {0, 0};
	FILE *file = tmpfile();
	int fd = file ? fileno(file) : -1;

	expect(fd >= 0 && write(fd, "file", 4) == 4);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(map_over, &fd)) == 6);
		expect(exit_of(run_child(read_behind, &fd)) == 1000 + SIGBUS);
		expect(exit_of(run_child(map_noreplace, (void *)((uintptr_t)global & ~4095UL))) ==
			6);
	}
	(void)fclose(file);
	return 0;
}

#ifdef __x86_64__
/* A page of its own: mov $6,%eax; ret. */
int number_on_a_page(void);
__asm__(".pushsection .text\n"
	".balign 4096\n"
	".type number_on_a_page, @function\n"
	"number_on_a_page:\n"
	"movl $6, %eax\n"
	"ret\n"
	".size number_on_a_page, . - number_on_a_page\n"
	".balign 4096\n"
	".popsection\n");

static void say_number(void *data)
{
	(void)data;
	exec_shell(number_on_a_page() == 6 ? "exit 6" : "exit 7");
}

static int number_is(uint8_t number)
{
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(say_number, NULL)) == number);
	return 0;
}

/* Programs that patch themselves (hooks, profilers, just-in-time compilers), the usual way and carelessly. */
static int code_that_the_parent_has_changed_runs_in_the_child(void)
{
	uint8_t *page = (uint8_t *)(uintptr_t)number_on_a_page;
	int line = number_is(6);

	for (uint8_t number = 7; number >= 6 && line == 0; number--) {
		if (mprotect(page, 4096, PROT_READ | PROT_WRITE))
			return SKIPPED;
		page[1] = number;
		expect(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
		line = number_is(number);
	}
	if (mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC))
		return SKIPPED;
	for (uint8_t number = 7; number >= 6 && line == 0; number--) {
		page[1] = number;
		line = number_is(number);
	}
	return line;
}
#else
static int code_that_the_parent_has_changed_runs_in_the_child(void)
{
	return SKIPPED;
}
#endif

const struct pitfall pitfalls_memory[] = {
	{"writes-stay-in-the-child", writes_stay_in_the_child},
	{"errno-of-the-parent-is-kept", errno_of_the_parent_is_kept},
	{"shared-mappings-keep-what-the-child-wrote", shared_mappings_keep_what_the_child_wrote},
	{"wipe-on-fork-reads-as-zero", wipe_on_fork_reads_as_zero},
	{"dont-fork-is-not-there-in-the-child", dont_fork_is_not_there_in_the_child},
	{"wiped-memory-can-be-written-in-the-child", wiped_memory_can_be_written_in_the_child},
	{"missing-memory-is-an-error-of-the-kernel", missing_memory_is_an_error_of_the_kernel},
	{"mappings-of-the-parent-stay", mappings_of_the_parent_stay},
	{"kernel-writes-go-to-the-child-only", kernel_writes_go_to_the_child_only},
	{"string-functions-are-right-in-the-child", string_functions_are_right_in_the_child},
	{"a-library-loaded-in-the-child-is-its-own", a_library_loaded_in_the_child_is_its_own},
	{"a-library-of-a-child-can-be-loaded-by-the-parent",
		a_library_of_a_child_can_be_loaded_by_the_parent},
	{"mappings-at-given-addresses-are-there", mappings_at_given_addresses_are_there},
	{"code-that-the-parent-has-changed-runs-in-the-child",
		code_that_the_parent_has_changed_runs_in_the_child},
	{"lazy-binding-in-the-child", functions_first_called_in_the_child_work_in_the_parent},
	{"child-that-returns-leaves-the-parents-frames",
		child_that_returns_leaves_the_parents_frames},
	{"longjmp-over-the-fork", longjmp_over_the_fork},
	{"huge-pages-are-not-split", huge_pages_are_not_split},
	{"a-thousand-forks-leave-nothing", a_thousand_forks_leave_nothing},
	{"a-fault-kills-the-child-only", a_fault_kills_the_child_only},
	{NULL, NULL},
};
