/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nobody gets out: each way is tried by a program of its own (hostile.c) or by sh, and the host is looked at
 * afterwards.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox_test.h"

static struct hb_sandbox_result attempt(
	struct hb_sandbox *sandbox, const char *name, const char *argument)
{
	const char *argv[] = {INSIDE_HOSTILE, name, argument, NULL};
	struct hb_sandbox_command command = {.argv = argv};
	struct hb_sandbox_result result = {0};
	struct hb_error error = {0};

	cr_assert_eq(hb_sandbox_run(sandbox, &command, &result, &error), 0, "%s", error.text);
	return result;
}

/* The same attempt outside. Returns its exit status. */
static int attempt_outside(const char *name, const char *argument)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl(HOSTILE, HOSTILE, name, argument, (char *)NULL);
		_exit(255);
	}
	cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct hb_sandbox *hostile_sandbox(bool root_inside)
{
	struct hb_sandbox_spec spec = hostile_spec;
	struct hb_sandbox *sandbox = NULL;
	struct hb_error error = {0};

	spec.root_inside = root_inside;
	cr_assert_eq(hb_sandbox_create(&spec, &sandbox, &error), 0, "%s", error.text);
	return sandbox;
}

static const struct {
	const char *name, *argument;
	int expected; /* errno, 0 = allowed, -n = signal n */
} attempts[] = {
	{"mount", NULL, EPERM},
	{"umount", NULL, EPERM},
	{"pivot_root", NULL, EPERM},
	{"chroot", NULL, EPERM},
	{"open_tree", NULL, EPERM},
	{"fsopen", NULL, EPERM},
	{"setns", NULL, EPERM},
	{"unshare_user", NULL, EPERM},
	{"unshare_nothing", NULL, EPERM},
	{"clone_user", NULL, EPERM},
	{"clone_nothing", NULL, 0},
	{"clone3", NULL, ENOSYS},
	{"ptrace_traceme", NULL, EPERM},
	{"ptrace_init", NULL, EPERM},
	{"process_vm_readv", NULL, EPERM},
	{"pidfd_getfd", NULL, EPERM},
	{"keyctl", NULL, EPERM},
	{"add_key", NULL, EPERM},
	{"bpf", NULL, EPERM},
	{"perf_event_open", NULL, EPERM},
	{"io_uring_setup", NULL, EPERM},
	{"userfaultfd", NULL, EPERM},
	{"kexec_load", NULL, EPERM},
	{"init_module", NULL, EPERM},
	{"reboot", NULL, EPERM},
	{"settimeofday", NULL, EPERM},
	{"personality", NULL, EPERM},
	{"open_by_handle_at", NULL, EPERM},
	{"swapon", NULL, EPERM},
	{"acct", NULL, EPERM},
	{"syslog", NULL, EPERM},
	{"sethostname", NULL, EPERM},
	{"tiocsti", NULL, EPERM},
	{"tiocsti_high", NULL, EPERM},
	{"tioclinux", NULL, EPERM},
	{"vsock", NULL, EAFNOSUPPORT},
	{"vsock_high", NULL, EAFNOSUPPORT},
	{"packet", NULL, EAFNOSUPPORT},
	{"alg", NULL, EAFNOSUPPORT},
	{"family_99", NULL, EAFNOSUPPORT},
	{"raw", NULL, EPERM},
	{"inet", NULL, 0},
	{"unix", NULL, 0},
	{"mknod_null", NULL, EPERM},
	{"mknodat_disk", NULL, EPERM},
	{"mknod_whiteout", NULL, EPERM},
	{"memfd_create", NULL, ENOSYS},
	{"shmget", NULL, ENOSYS},
	{"prlimit", "1", EPERM},
	{"sched_setaffinity", "1", EPERM},
	{"sched_setaffinity", "0", 0},
	{"setpriority_init", NULL, EPERM},
	{"setpriority_user", NULL, EPERM},
	{"setpriority_self", NULL, 0},
#ifdef __x86_64__
	{"int80", NULL, -SIGSYS},
	{"x32_getpid", NULL, -SIGSYS},
#endif
};

static void expect_attempts(bool root_inside)
{
	struct hb_sandbox *sandbox = hostile_sandbox(root_inside);

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		struct hb_sandbox_result result =
			attempt(sandbox, attempts[i].name, attempts[i].argument);
		int got = result.signal ? -result.signal : result.exit_status;

		cr_expect_eq(got, attempts[i].expected, "%s: got %d (%s), expected %d",
			attempts[i].name, got, strerror(got > 0 ? got : 0), attempts[i].expected);
		hb_sandbox_result_finish(&result);
	}
	hb_sandbox_destroy(sandbox);
}

Test(isolation, system_calls_that_lead_out_are_refused)
{
	expect_attempts(false);
}

Test(isolation, they_are_refused_to_user_zero_inside_too)
{
	expect_attempts(true);
}

Test(isolation, the_attempts_are_real_ones)
{
	/* Outside these succeed or fail for a reason of their own, so a refusal inside is the sandbox's doing. */
	cr_assert_eq(attempt_outside("clone_nothing", NULL), 0);
	cr_assert_eq(attempt_outside("unshare_nothing", NULL), 0);
	cr_assert_eq(attempt_outside("memfd_create", NULL), 0);
	cr_assert_eq(attempt_outside("shmget", NULL), 0);
	cr_assert_eq(attempt_outside("personality", NULL), 0);
	cr_assert_neq(attempt_outside("tiocsti", NULL), EPERM);
}

Test(isolation, a_command_has_no_capabilities_and_gains_none)
{
	static const char script[] = "grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' "
				     "/proc/self/status | tr -d '\\t ' | tr '\\n' ' '";
	static const char expected[] =
		"CapInh:0000000000000000 CapPrm:0000000000000000 CapEff:0000000000000000 "
		"CapBnd:0000000000000000 CapAmb:0000000000000000 NoNewPrivs:1 Seccomp:2 ";
	struct hb_sandbox_spec root = {.root_inside = true};

	expect_output(NULL, script, expected);
	expect_output(&root, script, expected);
}

Test(isolation, asked_for_capabilities_are_given_and_no_others)
{
	struct hb_sandbox_spec spec = {.root_inside = true, .capabilities = 1 << 1};
	struct hb_sandbox *sandbox;
	struct hb_error error = {0};

	expect_output(&spec, "grep -E '^Cap(Eff|Bnd):' /proc/self/status | cut -f2",
		"0000000000000002\n0000000000000002\n");
	spec.capabilities = 1 << 21; /* CAP_SYS_ADMIN */
	cr_assert_eq(hb_sandbox_create(&spec, &sandbox, &error), -EINVAL);
	cr_assert_not_null(strstr(error.text, "capabilities"));
}

Test(isolation, a_caller_who_is_root_is_nobody_outside)
{
	struct hb_sandbox_spec spec = {.root_inside = true};
	char expected[64];
	unsigned outside = geteuid() ? geteuid() : 65534;

	(void)snprintf(expected, sizeof(expected), "0 %u 1\n", outside);
	expect_output(&spec, "set -- $(cat /proc/self/uid_map); echo $*", expected);
	expect_output(&spec, "id -u; id -G", "0\n0\n");
}

Test(isolation, files_of_the_host_that_only_root_reads_stay_hidden)
{
	char *folder = folder_make();
	char path[256];
	struct hb_sandbox_mount mount = {
		.kind = HB_SANDBOX_READ_ONLY, .source = folder, .target = "/mnt"};
	struct hb_sandbox_spec spec = {.mounts = &mount, .mounts_count = 1, .root_inside = true};
	struct hb_sandbox_result result;

	if (geteuid() != 0) {
		/* An ordinary user's own secrets are readable in what the user chose to mount. */
		folder_remove(folder);
		cr_skip("needs root");
	}
	file_make(folder, "secret", "s");
	(void)snprintf(path, sizeof(path), "%s/secret", folder);
	cr_assert_eq(chmod(path, 0600), 0);
	result = run_script(&spec, "cat /mnt/secret");
	cr_assert_neq(result.exit_status, 0);
	cr_assert_eq(result.output_bytes, 0);
	hb_sandbox_result_finish(&result);
	folder_remove(folder);
}

Test(isolation, nothing_of_proc_and_no_device_can_be_written)
{
	expect_output(NULL,
		"for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname "
		"/proc/sysrq-trigger "
		"/proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj /proc/self/uid_map "
		"/proc/1/comm; do "
		"(echo 0 >$f) 2>/dev/null && echo $f; done; "
		"find /proc/sys /proc/self/ -maxdepth 3 -type f -writable 2>/dev/null | head; true",
		"");
	expect_output(NULL,
		"ls /sys 2>/dev/null; for d in /dev/*; do [ ! -L $d ] && echo $d; "
		"done; true",
		"/dev/full\n/dev/null\n/dev/random\n/dev/urandom\n/dev/zero\n");
	expect_output(NULL, "echo x >/dev/null && head -c 3 /dev/zero | wc -c", "3\n");
	expect_output(NULL,
		"chmod 600 /dev/null 2>/dev/null || echo no; rm /dev/null 2>/dev/null || echo no; "
		"touch /dev/x 2>/dev/null || echo no; [ -e /dev/tty ] || echo no",
		"no\nno\nno\nno\n");
}

Test(isolation, other_roots_and_working_folders_cannot_be_reached_through_proc)
{
	char *folder = folder_make();
	char script[1024];

	(void)snprintf(script, sizeof(script),
		"for p in /proc/[0-9]*; do for w in root cwd; do ls $p/$w%s 2>/dev/null && echo "
		"$p; "
		"done; done; "
		"ls /proc/1/root /proc/1/cwd/ /proc/1/fd /proc/1/map_files 2>/dev/null; "
		"head -c 1 /proc/1/mem /proc/1/environ 2>/dev/null; "
		"[ $(stat -c %%d:%%i /proc/self/root/) = $(stat -c %%d:%%i /) ] && echo same",
		folder);
	expect_output(NULL, script, "same\n");
	folder_remove(folder);
}

Test(isolation, dots_and_links_of_the_tree_end_at_the_root)
{
	char *folder = folder_make();
	char script[512];

	(void)snprintf(script, sizeof(script),
		"ls -d %s ../../../../../../..%s /proc/self/cwd/../../..%s 2>/dev/null; ln -s "
		"../../../../../../.. up; ls up/home",
		folder, folder, folder);
	expect_output(NULL, script, "user\n");
	folder_remove(folder);
}

Test(isolation, processes_outside_are_neither_seen_nor_signalled)
{
	struct hb_sandbox *sandbox = hostile_sandbox(false);
	struct hb_sandbox_result result;
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", (int)getpid());
	cr_assert_eq(attempt_outside("kill", number), 0);
	result = attempt(sandbox, "kill", number);
	cr_assert_eq(result.exit_status, ESRCH);
	hb_sandbox_result_finish(&result);
	hb_sandbox_destroy(sandbox);
	expect_output(NULL,
		"kill -9 1; kill -STOP 1; kill -9 -1 2>/dev/null; set -- /proc/[0-9]*; echo $1 $#",
		"/proc/2 1\n");
}

static int listen_loopback(char *ret_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(fd, 4), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	(void)snprintf(ret_port, 8, "%d", ntohs(address.sin_port));
	return fd;
}

Test(isolation, the_callers_arguments_are_not_shown)
{
	expect_output(NULL,
		"cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c [s]andbox_isolation; true",
		"0\n");
}

Test(isolation, listeners_on_the_hosts_loopback_are_out_of_reach)
{
	struct hb_sandbox_spec spec = hostile_spec;
	char port[8];
	int fd = listen_loopback(port);

	cr_assert_eq(attempt_outside("connect", port), 0);
	for (int up = 0; up < 2; up++) {
		const char *argv[] = {INSIDE_HOSTILE, "connect", port, NULL};
		struct hb_sandbox_command command = {.argv = argv};
		struct hb_sandbox_result result;

		spec.loopback = up;
		result = run_command(&spec, &command);
		cr_assert_eq(result.exit_status, up ? ECONNREFUSED : ENETUNREACH, "%d",
			result.exit_status);
		hb_sandbox_result_finish(&result);
	}
	(void)close(fd);
}

Test(isolation, abstract_sockets_of_the_host_are_out_of_reach)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct hb_sandbox *sandbox = hostile_sandbox(false);
	struct hb_sandbox_result result;
	char name[64];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(name, sizeof(name), "hotbed-sandbox-%d", (int)getpid());
	memcpy(address.sun_path + 1, name, strlen(name));
	cr_assert_eq(
		bind(fd, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
		0);
	cr_assert_eq(listen(fd, 4), 0);
	cr_assert_eq(attempt_outside("abstract", name), 0);
	result = attempt(sandbox, "abstract", name);
	cr_assert_eq(result.exit_status, ECONNREFUSED);
	hb_sandbox_result_finish(&result);
	hb_sandbox_destroy(sandbox);
	(void)close(fd);
}

Test(isolation, setuid_programs_are_ordinary_ones)
{
	char *folder = folder_make();
	char script[512];
	struct hb_sandbox_mount mount = {
		.kind = HB_SANDBOX_READ_ONLY, .source = folder, .target = "/mnt"};
	struct hb_sandbox_spec spec = {.mounts = &mount, .mounts_count = 1};

	(void)snprintf(script, sizeof(script), "cp %s %s/program && chmod 6755 %s/program", HOSTILE,
		folder, folder);
	cr_assert_eq(system(script), 0);
	expect_output(&spec,
		"[ -u /mnt/program ] && /mnt/program effective_ids; cp /mnt/program .; chmod 6755 "
		"program; "
		"./program effective_ids; ./program setuid_zero && echo root; true",
		"1000 1000\n1000 1000\n");
	folder_remove(folder);
}

Test(isolation, descriptors_of_the_caller_are_not_inherited)
{
	/* Without close-on-exec, low and high. */
	int low = open("/dev/null", O_RDONLY);
	int high = fcntl(low, F_DUPFD, 700);

	cr_assert(low >= 0 && high >= 700);
	expect_output(NULL, "echo /proc/self/fd/* /proc/$$/fd/*",
		"/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3 /proc/2/fd/0 "
		"/proc/2/fd/1 "
		"/proc/2/fd/2 /proc/2/fd/3\n");
	(void)close(low);
	(void)close(high);
}

Test(isolation, the_callers_environment_is_not_inherited)
{
	cr_assert_eq(setenv("HOTBED_SECRET", "1", 1), 0);
	expect_output(NULL, "env | cut -d= -f1 | sort | tr '\\n' ' '", "HOME LANG PATH PWD ");
}

/* The destructive ones only run where a probe has shown that the host is out of sight. */
static void expect_isolated(const struct hb_sandbox_spec *spec, const char *folder)
{
	char script[512];

	(void)snprintf(script, sizeof(script),
		"[ ! -e %s ] && [ ! -e %s ] && ! touch /usr/hotbed 2>/dev/null && echo isolated",
		folder, SANDBOX_RUN);
	expect_output(spec, script, "isolated\n");
}

Test(isolation, removing_everything_leaves_the_host_untouched)
{
	char *folder = folder_make();
	struct hb_sandbox_mount mount = {
		.kind = HB_SANDBOX_OVERLAY, .source = folder, .target = "/mnt/project"};
	struct hb_sandbox_spec spec = {.mounts = &mount, .mounts_count = 1};
	const char *argv[] = {"sh", "-c", "rm -rf --no-preserve-root / 2>/dev/null", NULL};
	const char *canaries[] = {"/mnt/project/canary", "/home/user/file"};
	struct hb_sandbox_entry entry = {"/home/user/file", HB_SANDBOX_FILE, 0644, "x", 1};
	struct hb_sandbox_command command = {.argv = argv,
		.tree = &entry,
		.tree_count = 1,
		.canaries = canaries,
		.canaries_count = 2};
	struct hb_sandbox_result result;

	file_make(folder, "canary", "alive");
	expect_isolated(&spec, folder);
	result = run_command(&spec, &command);
	cr_assert_eq(result.canaries[1], HB_SANDBOX_CANARY_DELETED);
	cr_assert_eq(result.canaries[0], HB_SANDBOX_CANARY_DELETED);
	cr_assert(file_is(folder, "canary", "alive"));
	cr_assert_eq(access("/usr/bin/env", X_OK), 0);
	hb_sandbox_result_finish(&result);
	folder_remove(folder);
}

Test(isolation, the_steam_idiom_deletes_a_canary_inside_only)
{
	static const char script[] =
		"STEAMROOT=\"$(cd \"${0%/*}\" && echo $PWD)\"\nrm -rf \"$STEAMROOT/\"*\n";
	char *folder = folder_make();
	const char *argv[] = {"sh", "steam.sh", NULL};
	const char *canaries[] = {"/home/user/Documents/thesis", "/mnt/disk/backup"};
	struct hb_sandbox_mount mount = {
		.kind = HB_SANDBOX_OVERLAY, .source = folder, .target = "/mnt/disk"};
	struct hb_sandbox_spec spec = {.mounts = &mount, .mounts_count = 1};
	struct hb_sandbox_entry tree[] = {
		{"/home/user/steam.sh", HB_SANDBOX_FILE, 0644, script, sizeof(script) - 1},
		{"/home/user/Documents/thesis", HB_SANDBOX_FILE, 0644, "years", 5},
	};
	struct hb_sandbox_command command = {.argv = argv,
		.tree = tree,
		.tree_count = 2,
		.canaries = canaries,
		.canaries_count = 2};
	struct hb_sandbox_result result;

	file_make(folder, "backup", "alive");
	expect_isolated(&spec, folder);
	result = run_command(&spec, &command);
	cr_assert_eq(result.canaries[0], HB_SANDBOX_CANARY_DELETED);
	cr_assert_eq(result.canaries[1], HB_SANDBOX_CANARY_DELETED);
	cr_assert(file_is(folder, "backup", "alive"));
	hb_sandbox_result_finish(&result);
	folder_remove(folder);
}
