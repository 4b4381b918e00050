/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks of specifications and commands, and the layout of a request. See outside.h.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "outside.h"

#define ALLOWED_CAPABILITIES                                                                      \
	(1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER | 1ULL << CAP_FSETID | \
		1ULL << CAP_KILL | 1ULL << CAP_SETGID | 1ULL << CAP_SETUID |                      \
		1ULL << CAP_NET_BIND_SERVICE)

/* argv and environment together: the kernel's own limit is of this order, and a request is copied twice. */
#define STRINGS_MAX 131072

/* Why @path cannot be a path inside, or NULL. */
static const char *path_fault(const char *path, bool root_allowed)
{
	if (!path)
		return "the path is missing";
	if (path[0] != '/')
		return "the path is not absolute";
	if (!path[1])
		return root_allowed ? NULL : "the root itself cannot stand here";
	if (strlen(path) >= 4096)
		return "the path is longer than 4095 bytes";
	for (const char *at = path; *at;) {
		size_t length = strcspn(++at, "/");

		if (length == 0)
			return "the path has an empty component";
		if (length > 255)
			return "a component is longer than 255 bytes";
		if ((length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
			return "the path has a component \".\" or \"..\"";
		at += length;
	}
	return NULL;
}

static int mount_check(const struct hb_sandbox_mount *mount, size_t index, struct hb_error *reterr)
{
	bool overlay = mount->kind == HB_SANDBOX_OVERLAY;
	const char *fault = path_fault(mount->target, overlay);

	if ((unsigned)mount->kind > HB_SANDBOX_OVERLAY)
		fault = "the kind is none of the three";
	else if (!mount->source || mount->source[0] != '/')
		fault = "the source is not an absolute path";
	else if (mount->upper && !overlay)
		fault = "only an overlay has an upper layer";
	else if (mount->upper && mount->upper[0] != '/')
		fault = "the upper layer is not an absolute path";
	if (!fault)
		return 0;
	return hb_error_set(reterr, -EINVAL, "mount %zu (%s): %s", index,
		mount->target ? mount->target : "no target", fault);
}

int spec_check(const struct hb_sandbox_spec *spec, struct hb_error *reterr)
{
	unsigned roots = 0;
	int code = 0;

	if (spec->mounts_count > HB_SANDBOX_MOUNTS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"%zu mounts are asked for; at most %d are possible", spec->mounts_count,
			HB_SANDBOX_MOUNTS_MAX);
	for (size_t i = 0; !code && i < spec->mounts_count; i++) {
		code = mount_check(&spec->mounts[i], i, reterr);
		if (!code && !spec->mounts[i].target[1])
			roots++;
	}
	if (code)
		return code;
	if (roots > 1)
		return hb_error_set(reterr, -EINVAL,
			"two overlays have the target \"/\"; one root is possible");
	if (spec->capabilities & ~ALLOWED_CAPABILITIES)
		return hb_error_set(reterr, -EINVAL,
			"capabilities 0x%llx are asked for; only those over the sandbox's own "
			"files, "
			"processes and ports can be given",
			(unsigned long long)(spec->capabilities & ~ALLOWED_CAPABILITIES));
	if (spec->hostname && (!spec->hostname[0] || strlen(spec->hostname) > 64))
		return hb_error_set(reterr, -EINVAL, "the host name has to have 1 to 64 bytes");
	return 0;
}

static int entry_check(const struct hb_sandbox_entry *entry, size_t index, struct hb_error *reterr)
{
	const char *fault = path_fault(entry->path, false);

	if (fault)
		;
	else if ((unsigned)entry->kind > HB_SANDBOX_FIFO)
		fault = "the kind is none of the four";
	else if (entry->mode & ~07777U)
		fault = "the mode has bits beyond 07777";
	else if (entry->size_bytes > 0 && !entry->content)
		fault = "the content is missing";
	else if (entry->kind == HB_SANDBOX_SYMLINK &&
		 (entry->size_bytes == 0 || entry->size_bytes > 4095 ||
			 memchr(entry->content, '\0', entry->size_bytes)))
		fault = "the target of a symbolic link has to have 1 to 4095 bytes without NUL";
	if (!fault)
		return 0;
	return hb_error_set(reterr, -EINVAL, "entry %zu of the tree (%s): %s", index,
		entry->path ? entry->path : "no path", fault);
}

static int limits_check(const struct hb_sandbox_limits *limits, struct hb_error *reterr)
{
	if (limits->wall_ns < 0 || limits->cpu_ns < 0)
		return hb_error_set(reterr, -EINVAL, "a time limit is negative");
	if (limits->output_bytes > UINT64_C(1) << 32)
		return hb_error_set(reterr, -EINVAL,
			"the output limit is above 4 GiB; it is kept in memory, ask for less");
	return 0;
}

static size_t strings_count(const char *const *strings)
{
	size_t count = 0;

	while (strings && count <= STRINGS_MAX && strings[count])
		count++;
	return count;
}

int command_check(const struct hb_sandbox_command *command, struct hb_error *reterr)
{
	const char *fault;
	int code = limits_check(&command->limits, reterr);

	if (code)
		return code;
	if (!command->argv || !command->argv[0])
		return hb_error_set(reterr, -EINVAL, "the command has no argv[0]");
	if (strings_count(command->argv) + strings_count(command->environment) > STRINGS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"argv and environment have more than %d strings", STRINGS_MAX);
	fault = command->directory ? path_fault(command->directory, true) : NULL;
	if (fault)
		return hb_error_set(
			reterr, -EINVAL, "start directory %s: %s", command->directory, fault);
	if (command->input_bytes > 0 && !command->input)
		return hb_error_set(reterr, -EINVAL, "the bytes of standard input are missing");
	if (command->tree_count > HB_SANDBOX_TREE_MAX)
		return hb_error_set(reterr, -EINVAL,
			"the tree has %zu entries; at most %d are possible", command->tree_count,
			HB_SANDBOX_TREE_MAX);
	if (command->canaries_count > HB_SANDBOX_CANARIES_MAX)
		return hb_error_set(reterr, -EINVAL,
			"%zu canaries are asked for; at most %d are possible",
			command->canaries_count, HB_SANDBOX_CANARIES_MAX);
	for (size_t i = 0; !code && i < command->tree_count; i++)
		code = entry_check(&command->tree[i], i, reterr);
	for (size_t i = 0; !code && i < command->canaries_count; i++) {
		fault = path_fault(command->canaries[i], false);
		if (fault)
			code = hb_error_set(reterr, -EINVAL, "canary %zu (%s): %s", i,
				command->canaries[i] ? command->canaries[i] : "no path", fault);
	}
	return code;
}

struct hb_sandbox_limits limits_complete(const struct hb_sandbox_limits *limits)
{
	struct hb_sandbox_limits complete = *limits;
	static const struct hb_sandbox_limits standard = {
		.wall_ns = INT64_C(10000000000),
		.cpu_ns = INT64_C(10000000000),
		.memory_bytes = 512 << 20,
		.disk_bytes = 64 << 20,
		.file_size_bytes = 64 << 20,
		.output_bytes = 1 << 20,
		.processes = 64,
		.open_files = 256,
	};

#define DEFAULT(field) (complete.field = complete.field ? complete.field : standard.field)
	DEFAULT(wall_ns);
	DEFAULT(cpu_ns);
	DEFAULT(memory_bytes);
	DEFAULT(disk_bytes);
	DEFAULT(file_size_bytes);
	DEFAULT(output_bytes);
	DEFAULT(processes);
	DEFAULT(open_files);
#undef DEFAULT
	/* Sums with the clock must not overflow. */
	if (complete.wall_ns > INT64_MAX / 4)
		complete.wall_ns = INT64_MAX / 4;
	return complete;
}

struct hb_sandbox_spec *spec_copy(const struct hb_sandbox_spec *spec)
{
	static const struct hb_sandbox_spec standard;
	size_t size = sizeof(*spec), texts = 0;
	struct hb_sandbox_spec *copy;
	struct hb_sandbox_mount *mounts;
	const char *name;
	char *at;

	if (!spec)
		spec = &standard;
	name = spec->hostname ? spec->hostname : "sandbox";
	texts = strlen(name) + 1;
	for (size_t i = 0; i < spec->mounts_count; i++)
		texts += strlen(spec->mounts[i].source) + strlen(spec->mounts[i].target) + 2 +
			 (spec->mounts[i].upper ? strlen(spec->mounts[i].upper) + 1 : 0);
	copy = malloc(size + spec->mounts_count * sizeof(*mounts) + texts);
	if (!copy)
		return NULL;
	*copy = *spec;
	mounts = (struct hb_sandbox_mount *)(void *)(copy + 1);
	at = (char *)(mounts + spec->mounts_count);
#define KEEP(text) (at = stpcpy(at, (text)) + 1, at - strlen(text) - 1)
	for (size_t i = 0; i < spec->mounts_count; i++) {
		mounts[i] = spec->mounts[i];
		mounts[i].source = KEEP(spec->mounts[i].source);
		mounts[i].target = KEEP(spec->mounts[i].target);
		if (mounts[i].upper)
			mounts[i].upper = KEEP(spec->mounts[i].upper);
	}
	copy->hostname = KEEP(name);
#undef KEEP
	copy->mounts = mounts;
	return copy;
}

/* A layout that is first measured (@base NULL) and then filled by the same code. */
struct layout {
	char *base;
	size_t used_bytes;
};

/* Returns the offset at which @size_bytes bytes of @bytes stand, with a NUL behind them. */
static size_t layout_put(struct layout *layout, const void *bytes, size_t size_bytes)
{
	size_t at = layout->used_bytes;

	if (layout->base && size_bytes > 0)
		memcpy(layout->base + at, bytes, size_bytes);
	layout->used_bytes += (size_bytes + 1 + 15) & ~(size_t)15;
	return at;
}

static size_t layout_strings(
	struct layout *layout, const char *const *strings, size_t count, bool terminated)
{
	size_t table = layout->used_bytes;

	layout->used_bytes += ((count + terminated) * sizeof(char *) + 15) & ~(size_t)15;
	for (size_t i = 0; i < count; i++) {
		size_t at = layout_put(layout, strings[i], strlen(strings[i]));

		if (layout->base)
			((uintptr_t *)(void *)(layout->base + table))[i] = at;
	}
	return table;
}

static size_t layout_tree(struct layout *layout, const struct hb_sandbox_entry *tree, size_t count)
{
	size_t table = layout->used_bytes;

	layout->used_bytes += (count * sizeof(*tree) + 15) & ~(size_t)15;
	for (size_t i = 0; i < count; i++) {
		struct hb_sandbox_entry entry = tree[i];
		size_t path = layout_put(layout, entry.path, strlen(entry.path));
		size_t content = layout_put(layout, entry.content, entry.size_bytes);

		entry.path = (const char *)path;
		entry.content = (const void *)content;
		if (layout->base)
			memcpy(layout->base + table + i * sizeof(entry), &entry, sizeof(entry));
	}
	return table;
}

static void request_lay(struct layout *layout, const struct hb_sandbox_command *command)
{
	static const char *const user_environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/home/user", "LANG=C.UTF-8", NULL};
	const char *const *environment =
		command->environment ? command->environment : user_environment;
	const char *directory = command->directory ? command->directory : "/home/user";
	struct request request = {
		.limits = limits_complete(&command->limits),
		.list_changes = command->list_changes,
		.tree_count = command->tree_count,
		.canaries_count = command->canaries_count,
		.argc = strings_count(command->argv),
		.envc = strings_count(environment),
	};

	layout->used_bytes = (sizeof(request) + 15) & ~(size_t)15;
	request.argv = (void *)layout_strings(layout, command->argv, request.argc, true);
	request.environment = (void *)layout_strings(layout, environment, request.envc, true);
	request.directory = (void *)layout_put(layout, directory, strlen(directory));
	request.tree = (void *)layout_tree(layout, command->tree, command->tree_count);
	request.canaries =
		(void *)layout_strings(layout, command->canaries, command->canaries_count, false);
	request.size_bytes = layout->used_bytes;
	if (layout->base)
		memcpy(layout->base, &request, sizeof(request));
}

int request_write(const struct hb_sandbox_command *command)
{
	struct layout layout = {0};
	size_t size;
	int fd;

	request_lay(&layout, command);
	size = layout.used_bytes;
	fd = memfd_create("request", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0)
		goto fail;
	layout.base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (layout.base == MAP_FAILED)
		goto fail;
	request_lay(&layout, command);
	hb_assert(layout.used_bytes == size);
	(void)munmap(layout.base, size);
	return fd;
fail:
	size = (size_t)errno;
	(void)close(fd);
	return -(int)size;
}
