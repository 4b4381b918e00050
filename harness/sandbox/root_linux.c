/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * File systems of a sandbox. Runs in PID 1.
 *
 * The stage is what PID 1 lives in: a small tmpfs with the sources of all mounts, a /proc of the PID namespace and a
 * /dev, and nothing else of the host. For each command a copy of that mount namespace is made and in it a new root: the
 * command's own tmpfs ("area") holds the root and the upper layers, so that one size limits all of them. The new root
 * gets clones of the staged mounts and becomes the root by pivot_root(), which leaves the stage behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "inside.h"

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static struct fault fault_of(int code, enum step step, unsigned index)
{
	return (struct fault){code, step, index};
}

/* What of the host's system is visible. Links, as /bin of a merged /usr, are made anew. */
static const char *const system_paths[] = {
	"/usr",
	"/bin",
	"/sbin",
	"/lib",
	"/lib32",
	"/lib64",
	"/libx32",
	"/etc/alternatives",
	"/etc/ld.so.cache",
	"/etc/ld.so.conf",
	"/etc/ld.so.conf.d",
	"/etc/localtime",
	"/etc/os-release",
	"/etc/protocols",
	"/etc/services",
};

static void source_name(struct source *source, unsigned index)
{
	source->name[0] = 's';
	source->name[1] = (char)('0' + index / 10 % 10);
	source->name[2] = (char)('0' + index % 10);
	source->name[3] = '\0';
}

/* Open @path of the host with the caller's rights. Returns the index in in->sources or -errno. */
static int source_open(
	struct inside *in, const char *path, const char *target, bool writable, int mapped)
{
	struct source *source = &in->sources[in->sources_count];
	struct stat st;

	*source = (struct source){.path = path, .target = target, .writable = writable};
	source->detached = mapped >= 0;
	source->fd = mapped >= 0 ? mapped : open(path, O_PATH | O_CLOEXEC);
	if (source->fd < 0)
		return -errno;
	if (fstat(source->fd, &st) < 0)
		return -errno;
	source->directory = S_ISDIR(st.st_mode);
	if (!source->directory && !S_ISREG(st.st_mode))
		return -EMEDIUMTYPE;
	source_name(source, in->sources_count);
	return (int)in->sources_count++;
}

static void system_open(struct inside *in)
{
	for (size_t i = 0; i < sizeof(system_paths) / sizeof(system_paths[0]); i++) {
		struct source *source = &in->sources[in->sources_count];
		char link[sizeof(source->link)];
		ssize_t length = readlink(system_paths[i], link, sizeof(link) - 1);

		if (length > 0 && (size_t)length < sizeof(link) - 1) {
			*source = (struct source){.path = system_paths[i],
				.target = system_paths[i],
				.symlink = true,
				.fd = -1};
			memcpy(source->link, link, (size_t)length);
			in->sources_count++;
		} else {
			/* What a system lacks, /libx32 as a rule, is lacking inside too. */
			(void)source_open(in, system_paths[i], system_paths[i], false, -1);
		}
	}
	in->system_count = in->sources_count;
}

static struct fault sources_open(struct inside *in)
{
	if (!in->spec->no_system)
		system_open(in);
	for (size_t i = 0; i < in->spec->mounts_count; i++) {
		const struct hb_sandbox_mount *mount = &in->spec->mounts[i];
		int index = source_open(in, mount->source, mount->target,
			mount->kind == HB_SANDBOX_READ_WRITE, in->mapped_mount[i]);

		if (index < 0)
			return fault_of(index, STEP_SOURCE, (unsigned)i);
		in->mount_source[i] = (unsigned)index;
		if (mount->kind != HB_SANDBOX_OVERLAY)
			continue;
		if (!in->sources[index].directory)
			return fault_of(-ENOTDIR, STEP_SOURCE, (unsigned)i);
		if (!mount->upper)
			continue;
		index = source_open(in, mount->upper, NULL, true, -1);
		if (index < 0)
			return fault_of(index, STEP_SOURCE, (unsigned)i);
		in->upper_source[i] = (unsigned)index;
	}
	return fault_of(0, STEP_NONE, 0);
}

static int capabilities_raise(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/*
 * Become the inside id. A caller that is root was kuid 0 until here, with the rights of the files' owner for opening
 * the sources; from here on it is nobody to the host. PID 1 is not dumpable: commands have its user id but may not
 * look at its memory, its folders or its descriptors, because it also holds capabilities that they lack.
 */
static int ids_take(const struct inside *in)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (in->drop_groups && syscall(SYS_setgroups, 0, NULL) < 0)
		return -errno;
	if (syscall(SYS_setresgid, in->uid, in->uid, in->uid) < 0 ||
		syscall(SYS_setresuid, in->uid, in->uid, in->uid) < 0)
		return -errno;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return capabilities_raise();
}

/* A new tmpfs of @size (with nr_inodes), not attached yet. */
static int tmpfs_make(const char *size, const char *inodes, const char *mode, unsigned attributes)
{
	int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int fd;

	if (context < 0)
		return -errno;
	if (fsconfig(context, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
		fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", inodes, 0) < 0 ||
		fsconfig(context, FSCONFIG_SET_STRING, "mode", mode, 0) < 0 ||
		fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		fd = -errno;
	else if ((fd = fsmount(context, FSMOUNT_CLOEXEC, attributes)) < 0)
		fd = -errno;
	(void)close(context);
	return fd;
}

static int attach(int mount_fd, int folder, const char *name)
{
	return move_mount(mount_fd, "", folder, name, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int file_create(int folder, const char *name)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	(void)close(fd);
	return 0;
}

static int place_make(int folder, const char *name, bool directory)
{
	if (!directory)
		return file_create(folder, name);
	return mkdirat(folder, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Attach a clone of the tree at @from (@name beneath it, "" for itself) to @to_name in @to. */
static int clone_attach(int from, const char *name, int to, const char *to_name,
	const struct mount_attr *attributes)
{
	int tree = open_tree(from, name,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH |
			AT_SYMLINK_NOFOLLOW);
	int code = 0;

	if (tree < 0)
		return -errno;
	if (attributes &&
		mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE,
			(struct mount_attr *)(uintptr_t)attributes, sizeof(*attributes)) < 0)
		code = -errno;
	if (!code)
		code = attach(tree, to, to_name);
	(void)close(tree);
	return code;
}

/* The source keeps a descriptor of its own mount in the stage, from which the commands' roots are cloned. */
static int source_stage(int stage, struct source *source)
{
	struct mount_attr attributes = {.attr_set = READ_ONLY, .propagation = MS_PRIVATE};
	int code;

	if (source->symlink)
		return 0;
	if (source->writable)
		attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	code = place_make(stage, source->name, source->directory);
	if (!code && source->detached)
		code = attach(source->fd, stage, source->name);
	else if (!code)
		code = clone_attach(source->fd, "", stage, source->name, &attributes);
	(void)close(source->fd);
	source->fd = -1;
	return code;
}

/*
 * /proc read-only as a whole: no sysctl, no sysrq-trigger, no attribute of a process can be written, whoever owns it. A
 * read of the files below would show the host's secrets to a process with enough capabilities; nobody has them, and the
 * masks keep it so.
 */
static int proc_stage(int stage)
{
	static const char *const masked[] = {"kcore", "sysrq-trigger", "kmsg", "keys", "key-users",
		"timer_list", "kallsyms", "config.gz"};
	int context = fsopen("proc", FSOPEN_CLOEXEC);
	int fd = -1, code = 0;

	if (context < 0)
		return -errno;
	/* Commands see processes that they could trace: their own, and not PID 1, whose arguments are the caller's. */
	if (fsconfig(context, FSCONFIG_SET_STRING, "hidepid", "ptraceable", 0) < 0 ||
		fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
		(fd = fsmount(context, FSMOUNT_CLOEXEC, READ_ONLY | MOUNT_ATTR_NOEXEC)) < 0)
		code = -errno;
	(void)close(context);
	if (!code)
		code = place_make(stage, "p", true);
	if (!code)
		code = attach(fd, stage, "p");
	for (size_t i = 0; !code && i < sizeof(masked) / sizeof(masked[0]); i++) {
		struct stat st;

		if (fstatat(fd, masked[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			code = clone_attach(stage, "d/null", fd, masked[i], NULL);
	}
	if (fd >= 0)
		(void)close(fd);
	return code;
}

static int devices_fill(int devices)
{
	static const char *const names[] = {"null", "zero", "full", "random", "urandom"};
	static const char *const links[][2] = {{"/proc/self/fd", "fd"},
		{"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
		{"/proc/self/fd/2", "stderr"}, {"/tmp", "shm"}};
	static const struct mount_attr attributes = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
		.propagation = MS_PRIVATE};
	int host = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int code = host < 0 ? -errno : 0;

	for (size_t i = 0; !code && i < sizeof(names) / sizeof(names[0]); i++) {
		code = file_create(devices, names[i]);
		if (!code)
			code = clone_attach(host, names[i], devices, names[i], &attributes);
	}
	for (size_t i = 0; !code && i < sizeof(links) / sizeof(links[0]); i++)
		if (symlinkat(links[i][0], devices, links[i][1]) < 0)
			code = -errno;
	if (host >= 0)
		(void)close(host);
	return code;
}

/* Opening a device through a read-only mount is allowed for writing; changing its inode is not. */
static int devices_stage(int stage)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	int fd = tmpfs_make("64k", "32", "755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	int code = fd < 0 ? fd : 0;

	if (!code)
		code = place_make(stage, "d", true);
	if (!code)
		code = attach(fd, stage, "d");
	if (!code)
		code = devices_fill(fd);
	if (!code && mount_setattr(fd, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0)
		code = -errno;
	if (fd >= 0)
		(void)close(fd);
	return code;
}

/* Make the mount behind @fd, attached in this namespace, the root, and drop what was the root. */
static int root_change(int fd)
{
	if (fchdir(fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
		umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static struct fault stage_fill(struct inside *in, int stage)
{
	int code;

	code = devices_stage(stage);
	if (code)
		return fault_of(code, STEP_DEVICES, 0);
	/* The kernel allows a /proc of one's own only while an unmasked one is in sight: before the host's is left. */
	code = proc_stage(stage);
	if (code)
		return fault_of(code, STEP_PROC, 0);
	for (unsigned i = 0; i < in->sources_count; i++) {
		code = source_stage(stage, &in->sources[i]);
		if (code)
			return fault_of(code, STEP_SYSTEM, i);
	}
	/* Where a command's area is attached in its copy of this namespace. */
	code = place_make(stage, "t", true);
	return fault_of(code, STEP_STAGE, 0);
}

struct fault stage_build(struct inside *in)
{
	struct fault fault;
	int stage, code;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fault_of(-errno, STEP_STAGE, 0);
	fault = sources_open(in);
	if (fault.code)
		return fault;
	code = ids_take(in);
	if (code)
		return fault_of(code, STEP_IDS, 0);
	stage = tmpfs_make("256k", "256", "755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (stage < 0)
		return fault_of(stage, STEP_STAGE, 0);
	code = attach(stage, AT_FDCWD, "/");
	if (code)
		return fault_of(code, STEP_STAGE, 0);
	fault = stage_fill(in, stage);
	if (fault.code)
		return fault;
	code = root_change(stage);
	(void)close(stage);
	if (code)
		return fault_of(code, STEP_STAGE, 1);
	in->proc = open("/p", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	in->stage_ns = open("/p/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (in->proc < 0 || in->stage_ns < 0)
		return fault_of(-errno, STEP_PROC, 1);
	return fault_of(0, STEP_NONE, 0);
}

static char *decimal(uint64_t value, char *end)
{
	*--end = '\0';
	do
		*--end = (char)('0' + value % 10);
	while (value /= 10);
	return end;
}

static int area_make(struct inside *in, uint64_t disk_bytes)
{
	char size[24], inodes[24];
	int code;

	in->area = tmpfs_make(decimal(disk_bytes, size + sizeof(size)),
		decimal(INODES_MAX, inodes + sizeof(inodes)), "755",
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (in->area < 0)
		return in->area;
	code = attach(in->area, AT_FDCWD, "/t");
	if (!code)
		code = place_make(in->area, "r", true);
	return code;
}

/* Is there room for overlayfs's marks? tmpfs keeps user attributes since Linux 6.6. */
static int attributes_probe(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = 0;

	if (fd < 0)
		return -errno;
	if (fsetxattr(fd, "user.overlay.probe", "y", 1, 0) < 0 ||
		fremovexattr(fd, "user.overlay.probe") < 0)
		code = -errno;
	(void)close(fd);
	return code;
}

struct overlay_paths {
	char lower[16], upper[32], work[32];
};

static void overlay_paths_set(struct inside *in, size_t index, struct overlay_paths *ret)
{
	const struct source *lower = &in->sources[in->mount_source[index]];
	char digits[24];
	const char *number = decimal(index, digits + sizeof(digits));

	(void)stpcpy(stpcpy(ret->lower, "/"), lower->name);
	if (in->spec->mounts[index].upper) {
		const char *name = in->sources[in->upper_source[index]].name;

		(void)stpcpy(stpcpy(stpcpy(ret->upper, "/"), name), "/upper");
		(void)stpcpy(stpcpy(stpcpy(ret->work, "/"), name), "/work");
	} else {
		(void)stpcpy(stpcpy(ret->upper, "/t/u"), number);
		(void)stpcpy(stpcpy(ret->work, "/t/w"), number);
	}
}

static int overlay_mount(const struct overlay_paths *paths)
{
	int context = fsopen("overlay", FSOPEN_CLOEXEC);
	int fd;

	if (context < 0)
		return -errno;
	if (fsconfig(context, FSCONFIG_SET_STRING, "lowerdir", paths->lower, 0) < 0 ||
		fsconfig(context, FSCONFIG_SET_STRING, "upperdir", paths->upper, 0) < 0 ||
		fsconfig(context, FSCONFIG_SET_STRING, "workdir", paths->work, 0) < 0 ||
		fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ||
		fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		fd = -errno;
	else if ((fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)) < 0)
		fd = -errno;
	(void)close(context);
	return fd;
}

/* Mount overlay @index, detached. */
static struct fault overlay_make(struct inside *in, size_t index, int *ret_fd)
{
	struct overlay_paths paths;
	int code;

	overlay_paths_set(in, index, &paths);
	if ((mkdir(paths.upper, 0755) < 0 && errno != EEXIST) ||
		(mkdir(paths.work, 0755) < 0 && errno != EEXIST))
		return fault_of(-errno, STEP_OVERLAY, (unsigned)index);
	in->upper_fd[index] = open(paths.upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	in->lower_fd[index] = open(paths.lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->upper_fd[index] < 0 || in->lower_fd[index] < 0)
		return fault_of(-errno, STEP_OVERLAY, (unsigned)index);
	code = attributes_probe(in->upper_fd[index]);
	if (code)
		return fault_of(code, STEP_XATTR, (unsigned)index);
	*ret_fd = overlay_mount(&paths);
	return fault_of(*ret_fd < 0 ? *ret_fd : 0, STEP_OVERLAY, (unsigned)index);
}

static int text_write(int root, const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	int code;

	if (fd < 0)
		return -errno;
	code = write_all(fd, text, strlen(text));
	(void)close(fd);
	return code;
}

static int accounts_write(int root)
{
	int code = text_write(root, "etc/passwd",
		"root:x:0:0:root:/root:/bin/sh\n"
		"user:x:1000:1000:user:/home/user:/bin/sh\n"
		"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");

	if (!code)
		code = text_write(root, "etc/group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n");
	if (!code)
		code = text_write(root, "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
	if (!code)
		code = text_write(
			root, "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
	return code;
}

/* The folders every program expects. A tree of the caller's own as the root has its own ideas and gets two only. */
static int skeleton_make(int root, bool whole)
{
	static const char *const folders[] = {
		"proc", "dev", "etc", "home", "home/user", "root", "run", "tmp", "var", "var/tmp"};
	size_t count = whole ? sizeof(folders) / sizeof(folders[0]) : 2;
	int code = 0;

	for (size_t i = 0; !code && i < count; i++)
		code = place_make(root, folders[i], true);
	if (code || !whole)
		return code;
	if (fchmodat(root, "tmp", 01777, 0) < 0 || fchmodat(root, "var/tmp", 01777, 0) < 0)
		return -errno;
	return accounts_write(root);
}

/* Attach mount @fd or, if that is negative, a clone of @source at the absolute path @target of @root. */
static int target_attach(int root, const char *target, int fd, const struct source *source)
{
	char staged[16];
	const char *name;
	int folder = parent_open(root, target, true, &name);
	int code;

	if (folder < 0)
		return folder;
	code = place_make(folder, name, source->directory);
	if (!code && fd >= 0)
		code = attach(fd, folder, name);
	else if (!code) {
		(void)stpcpy(stpcpy(staged, "/"), source->name);
		code = clone_attach(AT_FDCWD, staged, folder, name, NULL);
	}
	(void)close(folder);
	return code;
}

static int system_attach(struct inside *in, int root)
{
	int code = 0;

	for (unsigned i = 0; !code && i < in->system_count; i++) {
		const struct source *source = &in->sources[i];

		if (source->symlink) {
			if (symlinkat(source->link, root, source->target + 1) < 0)
				code = -errno;
		} else {
			code = target_attach(root, source->target, -1, source);
		}
	}
	return code;
}

static struct fault mounts_attach(struct inside *in, int root, size_t root_overlay)
{
	for (size_t i = 0; i < in->spec->mounts_count; i++) {
		const struct hb_sandbox_mount *mount = &in->spec->mounts[i];
		struct fault fault = {0};
		int fd = -1, code;

		if (i == root_overlay)
			continue;
		if (mount->kind == HB_SANDBOX_OVERLAY)
			fault = overlay_make(in, i, &fd);
		if (fault.code)
			return fault;
		code = target_attach(root, mount->target, fd, &in->sources[in->mount_source[i]]);
		if (fd >= 0)
			(void)close(fd);
		if (code)
			return fault_of(code, STEP_TARGET, (unsigned)i);
	}
	return fault_of(0, STEP_NONE, 0);
}

/* The new root as a mount, detached: the overlay whose target is "/", or the area's own folder. */
static struct fault root_open(struct inside *in, size_t root_overlay, int *ret_fd)
{
	if (root_overlay < in->spec->mounts_count)
		return overlay_make(in, root_overlay, ret_fd);
	*ret_fd = open_tree(in->area, "r", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return fault_of(*ret_fd < 0 ? -errno : 0, STEP_ROOT, 0);
}

static struct fault root_fill(struct inside *in, int root, size_t root_overlay)
{
	bool whole = root_overlay == in->spec->mounts_count;
	int code = attach(root, AT_FDCWD, "/t/r");

	if (!code)
		code = skeleton_make(root, whole);
	if (!code && whole)
		code = system_attach(in, root);
	if (!code)
		code = clone_attach(AT_FDCWD, "/p", root, "proc", NULL);
	if (!code)
		code = clone_attach(AT_FDCWD, "/d", root, "dev", NULL);
	if (code)
		return fault_of(code, STEP_ROOT, 1);
	return mounts_attach(in, root, root_overlay);
}

struct fault root_build(struct inside *in, const struct request *request)
{
	size_t root_overlay = 0;
	struct fault fault;
	int code;

	while (root_overlay < in->spec->mounts_count &&
		strcmp(in->spec->mounts[root_overlay].target, "/") != 0)
		root_overlay++;
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) < 0)
		return fault_of(-errno, STEP_NAMESPACE, 0);
	code = area_make(in, request->limits.disk_bytes);
	if (code)
		return fault_of(code, STEP_ROOT, 2);
	fault = root_open(in, root_overlay, &in->root);
	if (!fault.code)
		fault = root_fill(in, in->root, root_overlay);
	if (!fault.code) {
		code = root_change(in->root);
		fault = fault_of(code, STEP_ROOT, 3);
	}
	return fault;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

struct fault root_leave(struct inside *in)
{
	close_one(&in->area);
	close_one(&in->root);
	for (size_t i = 0; i < in->spec->mounts_count; i++) {
		close_one(&in->lower_fd[i]);
		close_one(&in->upper_fd[i]);
	}
	return fault_of(setns(in->stage_ns, CLONE_NEWNS) < 0 ? -errno : 0, STEP_NAMESPACE, 1);
}
