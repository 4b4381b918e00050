/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <gnu/libc-version.h>
#include <gsl/gsl_version.h>
#include <uv.h>
#include <xxhash.h>
#include <zlib.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/json.h>

#include "build_config.h"
#include "sysfile.h"

#define VALUE_BYTES 4096
#define GIT_TIMEOUT_MS 1000
#define ID_DIGITS 12

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

extern char **environ;

/* A setting that is one file: member of env.json, path, and whether the word in brackets is meant. */
struct setting {
	const char *key;
	const char *path;
	int selected;
};

static const struct setting cpu_settings[] = {
	{"online", "/sys/devices/system/cpu/online", 0},
	{"isolated", "/sys/devices/system/cpu/isolated", 0},
	{"nohz_full", "/sys/devices/system/cpu/nohz_full", 0},
	{"smt", "/sys/devices/system/cpu/smt/active", 0},
	{"numa_nodes", "/sys/devices/system/node/online", 0},
	{"governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", 0},
	{"frequency_driver", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", 0},
	{"frequency_max_khz", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", 0},
	{"idle_driver", "/sys/devices/system/cpu/cpuidle/current_driver", 0},
	{"turbo_disabled_intel", "/sys/devices/system/cpu/intel_pstate/no_turbo", 0},
	{"turbo_enabled", "/sys/devices/system/cpu/cpufreq/boost", 0},
	{NULL, NULL, 0},
};

static const struct setting kernel_settings[] = {
	{"clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource", 0},
	{"aslr", "/proc/sys/kernel/randomize_va_space", 0},
	{"thp", "/sys/kernel/mm/transparent_hugepage/enabled", 1},
	{"thp_defrag", "/sys/kernel/mm/transparent_hugepage/defrag", 1},
	{"hugepages_2m", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", 0},
	{"hugepages_1g", "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", 0},
	{"overcommit", "/proc/sys/vm/overcommit_memory", 0},
	{"swappiness", "/proc/sys/vm/swappiness", 0},
	{"numa_balancing", "/proc/sys/kernel/numa_balancing", 0},
	{"sched_autogroup", "/proc/sys/kernel/sched_autogroup_enabled", 0},
	{"perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid", 0},
	{"ptrace_scope", "/proc/sys/kernel/yama/ptrace_scope", 0},
	{"tcp_congestion_control", "/proc/sys/net/ipv4/tcp_congestion_control", 0},
	{"tcp_rmem", "/proc/sys/net/ipv4/tcp_rmem", 0},
	{"tcp_wmem", "/proc/sys/net/ipv4/tcp_wmem", 0},
	{NULL, NULL, 0},
};

/* Both cgroup layouts; the files of the other one are empty. */
static const struct setting cgroup_settings[] = {
	{"controllers", "/sys/fs/cgroup/cgroup.controllers", 0},
	{"cpu_max", "/sys/fs/cgroup/cpu.max", 0},
	{"memory_max", "/sys/fs/cgroup/memory.max", 0},
	{"cpuset", "/sys/fs/cgroup/cpuset.cpus.effective", 0},
	{"v1_cpu_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", 0},
	{"v1_cpu_period_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us", 0},
	{"v1_memory_limit_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes", 0},
	{"v1_cpuset", "/sys/fs/cgroup/cpuset/cpuset.cpus", 0},
	{NULL, NULL, 0},
};

static void put_hex(XXH128_hash_t hash, char *ret, size_t digits)
{
	char text[33];

	snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64,
		(uint64_t)hash.low64);
	memcpy(ret, text, digits);
	ret[digits] = '\0';
}

static void hash_text(const char *text, char *ret, size_t digits)
{
	put_hex(XXH3_128bits(text, strlen(text)), ret, digits);
}

static int add_settings(cJSON *object, const struct setting *settings)
{
	char value[VALUE_BYTES];
	int r = 0;

	for (; settings->key && r == 0; settings++) {
		(void)hb_sysfile_read("", settings->path, value, sizeof(value));
		if (settings->selected)
			hb_sysfile_selected(value);
		r = hb_json_add_text(object, settings->key, value);
	}
	return r;
}

/* Names in @path that do not begin with a dot, sorted; scandir() comparator and filter. */
static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Calls @add for every entry of a folder, in order of name; a missing folder has none. */
static int for_each_entry(const char *folder, cJSON *json,
	int (*add)(cJSON *json, const char *folder, const char *name))
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_visible, alphasort);
	int r = 0;

	for (int i = 0; i < count; i++) {
		if (r == 0)
			r = add(json, folder, entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return r;
}

static int add_file(cJSON *json, const char *folder, const char *name)
{
	char path[PATH_MAX];
	char value[VALUE_BYTES];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)hb_sysfile_read("", path, value, sizeof(value));
	return hb_json_add_text(json, name, value);
}

static int add_cache(cJSON *json, const char *folder, const char *name)
{
	static const char *const parts[] = {"level", "type", "size", "shared_cpu_list"};
	char path[PATH_MAX];
	char value[4][64];
	char text[300];

	if (strncmp(name, "index", 5) != 0)
		return 0;
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", folder, name, parts[i]);
		(void)hb_sysfile_read("", path, value[i], sizeof(value[i]));
	}
	snprintf(text, sizeof(text), "L%s %s %s, CPUs %s", value[0], value[1], value[2], value[3]);
	return cJSON_AddItemToArray(json, cJSON_CreateString(text)) ? 0 : -ENOMEM;
}

/* Real devices only: virtual interfaces come and go with containers and tests. */
static int add_network(cJSON *json, const char *folder, const char *name)
{
	static const char *const parts[] = {"mtu", "speed", "duplex"};
	char path[PATH_MAX];
	char target[PATH_MAX];
	char value[64];
	cJSON *device;
	ssize_t length;
	int r;

	snprintf(path, sizeof(path), "%s/%s/device/driver", folder, name);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return 0;
	target[length] = '\0';
	device = cJSON_CreateObject();
	if (!device || !cJSON_AddItemToArray(json, device))
		return -ENOMEM;
	r = hb_json_add_text(device, "name", name);
	if (r == 0)
		r = hb_json_add_text(
			device, "driver", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && r == 0; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", folder, name, parts[i]);
		(void)hb_sysfile_read("", path, value, sizeof(value));
		r = hb_json_add_text(device, parts[i], value);
	}
	return r;
}

/* Who runs this kernel: the hypervisor's signature, else what the firmware calls the machine. */
static void find_virtualisation(char *ret, size_t size_bytes)
{
#if defined(__x86_64__)
	unsigned int eax, ebx = 0, ecx = 0, edx = 0;
	char signature[13] = "";

	/* Intel SDM, CPUID leaf 1: ECX bit 31 is never set by hardware; 0x40000000 names the hypervisor. */
	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & 1U << 31)) {
		__cpuid(0x40000000, eax, ebx, ecx, edx);
		memcpy(signature, &ebx, 4);
		memcpy(signature + 4, &ecx, 4);
		memcpy(signature + 8, &edx, 4);
		for (int i = 0; i < 12 && signature[i]; i++)
			if (signature[i] < ' ' || signature[i] > '~')
				signature[i] = '?';
		snprintf(ret, size_bytes, "%s", signature[0] ? signature : "hypervisor");
		return;
	}
#endif
	if (hb_sysfile_read("", "/sys/hypervisor/type", ret, size_bytes) > 0)
		return;
	if (hb_sysfile_read("", "/sys/class/dmi/id/product_name", ret, size_bytes) > 0 &&
		(strstr(ret, "KVM") || strstr(ret, "Virtual") || strstr(ret, "VMware")))
		return;
	snprintf(ret, size_bytes, "none");
}

static uint64_t memory_gib(void)
{
	/* The kernel keeps some for itself, differently in each version: what was built in is what counts. */
	uint64_t bytes = hb_sysfile_kib("", "/proc/meminfo", "MemTotal");

	return (bytes + (1ULL << 29)) >> 30;
}

static int add_host(cJSON *json)
{
	static const char *const keys[][2] = {{"model", "model name"}, {"vendor", "vendor_id"},
		{"family", "cpu family"}, {"model_number", "model"}, {"stepping", "stepping"},
		{"microcode", "microcode"}, {"implementer", "CPU implementer"},
		{"part", "CPU part"}};
	cJSON *cpu = cJSON_AddObjectToObject(json, "cpu");
	cJSON *caches = cpu ? cJSON_AddArrayToObject(cpu, "caches") : NULL;
	char value[VALUE_BYTES];
	int r = caches ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && r == 0; i++) {
		(void)hb_sysfile_key("", "/proc/cpuinfo", keys[i][1], value, sizeof(value));
		r = hb_json_add_text(cpu, keys[i][0], value);
	}
	if (r == 0)
		r = hb_json_add_i64(cpu, "count", sysconf(_SC_NPROCESSORS_ONLN));
	if (r == 0)
		r = for_each_entry("/sys/devices/system/cpu/cpu0/cache", caches, add_cache);
	if (r == 0)
		r = add_settings(cpu, cpu_settings);
	if (r == 0)
		r = hb_json_add_u64(json, "memory_gib", memory_gib());
	find_virtualisation(value, sizeof(value));
	return r == 0 ? hb_json_add_text(json, "virtualisation", value) : r;
}

/* Not part of the env_id: every container has a name of its own, and renaming a machine changes nothing. */
static int add_hostname(cJSON *json)
{
	char name[256] = "";
	char hash[17];

	if (gethostname(name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	hash_text(name, hash, 16);
	return hb_json_add_text(json, "hostname_hash", hash);
}

static int add_kernel(cJSON *json)
{
	cJSON *mitigations = cJSON_AddObjectToObject(json, "mitigations");
	struct utsname name = {0};
	char value[VALUE_BYTES];
	char hash[17];
	int r;

	if (!mitigations)
		return -ENOMEM;
	(void)uname(&name);
	r = hb_json_add_text(json, "system", name.sysname);
	if (r == 0)
		r = hb_json_add_text(json, "release", name.release);
	if (r == 0)
		r = hb_json_add_text(json, "version", name.version);
	if (r == 0)
		r = hb_json_add_text(json, "machine", name.machine);
	/* The command line may hold names of disks and keys: its hash says whether it changed. */
	(void)hb_sysfile_read("", "/proc/cmdline", value, sizeof(value));
	hash_text(value, hash, 16);
	if (r == 0)
		r = hb_json_add_text(json, "cmdline_hash", hash);
	if (r == 0)
		r = for_each_entry(
			"/sys/devices/system/cpu/vulnerabilities", mitigations, add_file);
	return r == 0 ? add_settings(json, kernel_settings) : r;
}

static int add_libraries(cJSON *json)
{
	char xxhash[32];
	int r;

	snprintf(xxhash, sizeof(xxhash), "%u", XXH_versionNumber());
	r = hb_json_add_text(json, "libc", gnu_get_libc_version());
	if (r == 0)
		r = hb_json_add_text(json, "gsl", gsl_version);
	if (r == 0)
		r = hb_json_add_text(json, "cjson", cJSON_Version());
	if (r == 0)
		r = hb_json_add_text(json, "libuv", uv_version_string());
	if (r == 0)
		r = hb_json_add_text(json, "xxhash", xxhash);
	return r == 0 ? hb_json_add_text(json, "zlib", zlibVersion()) : r;
}

/* Starts @argv with its output on a pipe. Returns the pipe's end to read from, or -errno. */
static int start_program(const char *const *argv, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int pipe_fds[2];
	int r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	r = posix_spawnp(ret_pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fds[1]);
	if (r == 0)
		return pipe_fds[0];
	close(pipe_fds[0]);
	return -r;
}

static int wait_readable(int fd, int64_t deadline_ns)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int64_t left_ms = (deadline_ns - hb_clock_now_ns()) / 1000000;

	return left_ms > 0 && poll(&ready, 1, (int)left_ms) > 0 ? 0 : -ETIMEDOUT;
}

/* Standard output of @argv, at most @size_bytes - 1 of it, within GIT_TIMEOUT_MS. Returns 0 if it exited with 0. */
static int read_program(const char *const *argv, char *ret, size_t size_bytes)
{
	int64_t deadline_ns = hb_clock_now_ns() + GIT_TIMEOUT_MS * 1000000LL;
	size_t length = 0;
	ssize_t got = 1;
	int status;
	int pidfd;
	pid_t pid;
	int fd = start_program(argv, &pid);

	ret[0] = '\0';
	if (fd < 0)
		return fd;
	while (got > 0 && length < size_bytes - 1 && wait_readable(fd, deadline_ns) == 0) {
		got = read(fd, ret + length, size_bytes - 1 - length);
		length += got > 0 ? (size_t)got : 0;
	}
	ret[length] = '\0';
	close(fd);
	/* It may have closed its output and hang all the same. */
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0 || wait_readable(pidfd, deadline_ns) < 0)
		kill(pid, SIGKILL);
	if (pidfd >= 0)
		close(pidfd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* The commit of the source tree, and whether files differ from it; "unknown" without git or outside a clone. */
static int add_commit(cJSON *json)
{
	static const char *const argv[] = {"git", "--no-optional-locks", "-C", HB_SOURCE_ROOT,
		"describe", "--always", "--dirty", "--abbrev=40", "--exclude=*", NULL};
	char text[128];
	char *dirty;
	int r;

	if (read_program(argv, text, sizeof(text)) < 0) {
		r = hb_json_add_text(json, "commit", "unknown");
		return r == 0 ? hb_json_add_text(json, "dirty", "unknown") : r;
	}
	text[strcspn(text, "\n")] = '\0';
	dirty = strstr(text, "-dirty");
	if (dirty)
		*dirty = '\0';
	r = hb_json_add_text(json, "commit", text);
	return r == 0 ? hb_json_add_text(json, "dirty", dirty ? "yes" : "no") : r;
}

/* XXH3 of a whole file through a mapping: gigabytes a second, where SHA-256 of a large driver would show. */
static int hash_file(
	const char *path, XXH128_hash_t *ret, uint64_t *ret_bytes, struct hb_error *reterr)
{
	struct stat status;
	void *bytes = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0 || fstat(fd, &status) < 0)
		r = -errno;
	else if (!S_ISREG(status.st_mode))
		r = -EINVAL;
	if (r == 0 && status.st_size > 0) {
		bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (bytes == MAP_FAILED)
			r = -errno;
	}
	if (fd >= 0)
		close(fd);
	if (r < 0)
		return hb_error_set_at(reterr, r, path, 0,
			"cannot read the driver: %s; './hotbed build' makes it", strerror(-r));
	*ret = XXH3_128bits(bytes, (size_t)status.st_size);
	*ret_bytes = (uint64_t)status.st_size;
	if (bytes)
		munmap(bytes, (size_t)status.st_size);
	return 0;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_driver(cJSON *drivers, const char *path, char *ret_hash, struct hb_error *reterr)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	cJSON *driver = cJSON_CreateObject();
	XXH128_hash_t hash;
	uint64_t bytes = 0;
	int r;

	if (!driver || !cJSON_AddItemToArray(drivers, driver))
		return hb_error_set(reterr, -ENOMEM, "not enough memory to describe the build");
	r = hash_file(path, &hash, &bytes, reterr);
	if (r < 0)
		return r;
	put_hex(hash, ret_hash, 32);
	r = hb_json_add_text(driver, "name", name);
	if (r == 0)
		r = hb_json_add_u64(driver, "size_bytes", bytes);
	return r == 0 ? hb_json_add_text(driver, "xxh3_128", ret_hash) : r;
}

/*
 * The build_id is the hash of compiler, flags and the drivers' own hashes in sorted order, so neither the order of
 * @driver_paths nor the place of the build folder matters.
 */
static int add_drivers(
	cJSON *json, const char *const *driver_paths, char *ret_build_id, struct hb_error *reterr)
{
	cJSON *drivers = cJSON_AddArrayToObject(json, "drivers");
	XXH3_state_t *state = XXH3_createState();
	size_t count = 0;
	char(*hashes)[33];
	const char **sorted;
	int r = drivers && state ? 0 : -ENOMEM;

	while (driver_paths[count])
		count++;
	hashes = calloc(count + 1, sizeof(*hashes));
	sorted = calloc(count + 1, sizeof(*sorted));
	if (!hashes || !sorted)
		r = -ENOMEM;
	if (r < 0)
		(void)hb_error_set(reterr, r, "not enough memory to describe the build");
	for (size_t i = 0; i < count && r == 0; i++) {
		r = add_driver(drivers, driver_paths[i], hashes[i], reterr);
		sorted[i] = hashes[i];
	}
	if (r == 0) {
		qsort(sorted, count, sizeof(*sorted), compare_text);
		XXH3_128bits_reset(state);
		XXH3_128bits_update(state, COMPILER "\n" HB_BUILD_FLAGS "\n",
			strlen(COMPILER "\n" HB_BUILD_FLAGS "\n"));
		for (size_t i = 0; i < count; i++)
			XXH3_128bits_update(state, sorted[i], strlen(sorted[i]));
		put_hex(XXH3_128bits_digest(state), ret_build_id, ID_DIGITS);
	}
	XXH3_freeState(state);
	free(hashes);
	free(sorted);
	return r;
}

static int add_build(
	cJSON *json, const char *const *driver_paths, char *ret_build_id, struct hb_error *reterr)
{
	cJSON *build = cJSON_AddObjectToObject(json, "build");
	int r = build ? 0 : -ENOMEM;

	if (r == 0)
		r = hb_json_add_text(build, "version", HB_VERSION);
	if (r == 0)
		r = add_commit(build);
	if (r == 0)
		r = hb_json_add_text(build, "compiler", COMPILER);
	if (r == 0)
		r = hb_json_add_text(build, "flags", HB_BUILD_FLAGS);
	if (r < 0)
		return hb_error_set(reterr, r, "not enough memory to describe the build");
	return add_drivers(build, driver_paths, ret_build_id, reterr);
}

static int add_environment(cJSON *json)
{
	static const struct {
		const char *key;
		int (*add)(cJSON *json);
	} parts[] = {{"host", add_host}, {"kernel", add_kernel}, {"libraries", add_libraries}};
	cJSON *network;
	cJSON *cgroup;
	int r = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && r == 0; i++) {
		cJSON *part = cJSON_AddObjectToObject(json, parts[i].key);

		r = part ? parts[i].add(part) : -ENOMEM;
	}
	network = cJSON_AddArrayToObject(json, "network");
	cgroup = cJSON_AddObjectToObject(json, "cgroup");
	if (!network || !cgroup)
		return -ENOMEM;
	if (r == 0)
		r = for_each_entry("/sys/class/net", network, add_network);
	return r == 0 ? add_settings(cgroup, cgroup_settings) : r;
}

static int make_ids(const cJSON *json, struct hb_env *ret)
{
	const cJSON *host = cJSON_GetObjectItemCaseSensitive(json, "host");
	const cJSON *cpu = cJSON_GetObjectItemCaseSensitive(host, "cpu");
	char *text = cJSON_PrintUnformatted(json);
	char identity[VALUE_BYTES];

	if (!text)
		return -ENOMEM;
	hash_text(text, ret->env_id, ID_DIGITS);
	cJSON_free(text);
	snprintf(identity, sizeof(identity), "%s|%s|%s|%s|%s", hb_json_text_or(cpu, "model", ""),
		hb_json_text_or(cpu, "part", ""), hb_json_text_or(cpu, "count", ""),
		hb_json_text_or(host, "memory_gib", ""),
		hb_json_text_or(host, "virtualisation", ""));
	hash_text(identity, ret->host_id, ID_DIGITS);
	return 0;
}

int hb_env_collect(const char *const *driver_paths, cJSON **ret_json, struct hb_env *ret,
	struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();
	struct hb_env ids = {0};
	int r = json ? hb_json_add_text(json, "schema", "hotbed.env/1") : -ENOMEM;

	if (r == 0)
		r = add_environment(json);
	if (r == 0)
		r = make_ids(json, &ids);
	if (r == 0)
		r = add_hostname(json);
	if (r < 0)
		(void)hb_error_set(reterr, r, "not enough memory to describe the machine");
	else
		r = add_build(json, driver_paths, ids.build_id, reterr);
	if (r == 0 && (hb_json_add_text(json, "host_id", ids.host_id) < 0 ||
			      hb_json_add_text(json, "env_id", ids.env_id) < 0 ||
			      hb_json_add_text(json, "build_id", ids.build_id) < 0))
		r = hb_error_set(reterr, -ENOMEM, "not enough memory to describe the machine");
	if (r < 0) {
		cJSON_Delete(json);
		return r;
	}
	*ret = ids;
	if (ret_json)
		*ret_json = json;
	else
		cJSON_Delete(json);
	return 0;
}
