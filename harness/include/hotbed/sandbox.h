/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Run commands that are not trusted: new user, mount, PID, network, IPC, UTS and cgroup namespaces, a root in memory,
 * no capabilities, a system call filter, limits on everything that grows. docs/reference/sandbox.md has the guarantees.
 *
 * A sandbox is one process (PID 1 of the namespaces) that waits for commands. Each command gets a fresh file system and
 * fresh IPC; everything it started is dead before its result is returned. What commands of one sandbox share is the
 * network namespace, the host name and the sequence of process ids. When the caller dies, by whatever signal, the
 * kernel or PID 1 ends everything; nothing is left on the host: no process, no mount, no file.
 *
 * Thread safety: any number of sandboxes in any number of threads; one sandbox is used by one thread at a time. The
 * sandbox lives until hb_sandbox_destroy() or the end of the process, also when the thread that made it ends.
 *
 * Sources: namespaces(7), user_namespaces(7), seccomp(2), mount_setattr(2), the kernel's overlayfs documentation.
 */
#ifndef HOTBED_SANDBOX_H
#define HOTBED_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct hb_sandbox;

/* What a file of the initial tree is. */
enum hb_sandbox_kind {
	HB_SANDBOX_FILE,      /* @content holds its bytes */
	HB_SANDBOX_DIRECTORY, /* @content is not used */
	HB_SANDBOX_SYMLINK,   /* @content holds the target, any text without NUL */
	HB_SANDBOX_FIFO,      /* @content is not used */
};

/*
 * One file of the initial tree. @path is absolute inside the sandbox, without "." and ".." and without a symbolic link
 * among its folders, whether of the system or of this table: /usr/bin/x, never /bin/x. Folders on the way are made with
 * mode 0755. Entries are made in order; a later one may not replace an earlier one.
 */
struct hb_sandbox_entry {
	const char *path;
	enum hb_sandbox_kind kind;
	unsigned mode;       /* permission bits, 0 to 07777; ignored for symbolic links */
	const void *content; /* @size_bytes bytes; may be NULL if that is 0 */
	size_t size_bytes;
};

/* How a folder or file of the host appears inside. */
enum hb_sandbox_mount_kind {
	HB_SANDBOX_READ_ONLY, /* visible, never writable */
	/* Changes reach the host: only for what the caller made for this purpose (as root: made user 65534's). */
	HB_SANDBOX_READ_WRITE,
	/* Changes go to an upper layer, the host's stay as they are. Files of the source's owner are the command's. */
	HB_SANDBOX_OVERLAY,
};

struct hb_sandbox_mount {
	enum hb_sandbox_mount_kind kind;
	const char *source; /* absolute path on the host; for an overlay the lower folder */
	const char *
		target; /* absolute path inside; "/" is allowed for one overlay, which is then the whole root */
	/*
	 * Overlay only. NULL: the upper layer is in memory, counts as disk and is gone after the command. Else an
	 * existing folder of the host on one file system with user extended attributes: the layer is left in its
	 * subfolder "upper" (kept from command to command; as root, user 65534's) for the caller to commit or
	 * discard, "work" beside it is overlayfs's own.
	 */
	const char *upper;
};

/* Zero-initialised means: the system's programs read-only, user 1000 inside, no network, no mounts. */
struct hb_sandbox_spec {
	const struct hb_sandbox_mount
		*mounts; /* @mounts_count of them, at most HB_SANDBOX_MOUNTS_MAX */
	size_t mounts_count;
	/*
	 * Ids the command sees. Outside they are the caller's own, or 65534 (nobody) if the caller is root: then
	 * nothing that only root may read is readable inside.
	 */
	bool root_inside; /* ids 0 instead of 1000; still without capabilities unless asked for */
	bool loopback;    /* bring the network namespace's own 127.0.0.1 up */
	bool no_system;   /* leave /usr, /bin, /lib*, /sbin and /etc out */
	/* No RLIMIT_AS: address sanitizers reserve terabytes. Memory is then limited by watching only. */
	bool unlimited_address_space;
	bool shared_memory; /* allow memfd_create() and shmget(), which no limit but a cgroup's covers */
	/*
	 * Capabilities over the namespace's own files and processes, bits 1 << CAP_x of: CAP_CHOWN, CAP_DAC_OVERRIDE,
	 * CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE. Others are refused.
	 */
	uint64_t capabilities;
	const char *hostname; /* NULL: "sandbox"; at most 64 bytes */
};

/* Every 0 stands for the default in parentheses; there is no "unlimited". */
struct hb_sandbox_limits {
	int64_t wall_ns;       /* real time (10 s) */
	int64_t cpu_ns;        /* CPU time of all processes together (10 s) */
	uint64_t memory_bytes; /* anonymous and shared memory of all processes together (512 MiB) */
	uint64_t disk_bytes;   /* files in memory (64 MiB) */
	uint64_t file_size_bytes; /* one file (64 MiB) */
	uint64_t output_bytes;    /* of standard output and of standard error, each (1 MiB) */
	unsigned processes;       /* processes and threads at one time (64) */
	unsigned open_files;      /* per process (256) */
};

/* One command. Zero-initialised except @argv is valid. */
struct hb_sandbox_command {
	const char *const *
		argv; /* NULL-terminated; the first is searched for in PATH unless it has a slash */
	const char *const *
		environment; /* NULL-terminated "NAME=value"; NULL: PATH, HOME, LANG=C.UTF-8 and no other */
	const char *directory;               /* to start in, absolute inside; NULL: /home/user */
	const void *input;                   /* standard input, as of a regular file */
	size_t input_bytes;                  /* 0: standard input is /dev/null */
	const struct hb_sandbox_entry *tree; /* files made before the start */
	size_t tree_count;
	/*
	 * Files inside that are watched: @tree's or the overlays'. Content is compared byte for byte; at most 1 MiB
	 * each. A path that does not exist at the start is an error.
	 */
	const char *const *canaries;
	size_t canaries_count;
	struct hb_sandbox_limits limits;
	bool list_changes; /* fill @changes of the result */
};

enum hb_sandbox_limit {
	HB_SANDBOX_LIMIT_WALL = 1 << 0, /* ended by it */
	HB_SANDBOX_LIMIT_CPU = 1 << 1,  /* ended by it */
	HB_SANDBOX_LIMIT_MEMORY =
		1 << 2, /* ended by it (a process that met RLIMIT_AS sees ENOMEM instead) */
	HB_SANDBOX_LIMIT_OUTPUT = 1 << 3,    /* ended by it */
	HB_SANDBOX_LIMIT_PROCESSES = 1 << 4, /* reached; fork() failed with EAGAIN inside */
	HB_SANDBOX_LIMIT_DISK = 1 << 5,      /* full at the end */
	HB_SANDBOX_LIMIT_FILE_SIZE = 1 << 6, /* the command died of SIGXFSZ */
};

enum hb_sandbox_canary {
	HB_SANDBOX_CANARY_INTACT,
	HB_SANDBOX_CANARY_CHANGED, /* content, kind, mode or target differ */
	HB_SANDBOX_CANARY_DELETED, /* nothing stands at the path, or a folder on the way is gone */
};

enum hb_sandbox_change_kind {
	HB_SANDBOX_CREATED,
	HB_SANDBOX_MODIFIED, /* content, mode or kind */
	HB_SANDBOX_DELETED,
	HB_SANDBOX_OPAQUE, /* overlay: a folder that replaces the lower one with all that was in it */
};

struct hb_sandbox_change {
	const char *path; /* absolute inside, owned by the result */
	enum hb_sandbox_change_kind kind;
	bool directory; /* what stands there now is a folder */
};

/* Owned by the caller once hb_sandbox_run() returned 0; hb_sandbox_result_finish() frees what it points to. */
struct hb_sandbox_result {
	int exit_status;                  /* 0 to 255, or -1 if a signal ended the command */
	int signal;                       /* or 0 */
	unsigned limits;                  /* bits of enum hb_sandbox_limit */
	int64_t wall_ns;                  /* from exec to exit */
	int64_t user_ns, system_ns;       /* CPU time of all its processes */
	uint64_t memory_peak_bytes;       /* largest resident set of one process */
	unsigned processes_peak;          /* as sampled */
	char *output, *error;             /* captured bytes, with a NUL behind them */
	size_t output_bytes, error_bytes; /* kept: at most the limit */
	enum hb_sandbox_canary *canaries; /* one per canary of the command, in its order */
	size_t canaries_count;
	/*
	 * Files that differ from the start, sorted by path: in the root in memory (but for /tmp's and other folders'
	 * own times) and in each overlay. A folder that was deleted is listed, and so is each file that was in it,
	 * except in overlays, where the folder stands for them.
	 */
	struct hb_sandbox_change *changes;
	size_t changes_count;
	bool changes_cut; /* more than HB_SANDBOX_CHANGES_MAX */
	char *text;       /* storage of the paths */
};

#define HB_SANDBOX_MOUNTS_MAX 32
#define HB_SANDBOX_TREE_MAX 65536
#define HB_SANDBOX_CANARIES_MAX 1024
#define HB_SANDBOX_CHANGES_MAX 65536

/*
 * hb_sandbox_create - start a sandbox.
 * @spec: copied; NULL for all defaults.
 * @ret: on success the sandbox, ended by hb_sandbox_destroy().
 *
 * Returns 0; -EPERM if user namespaces are not allowed here (@reterr says what to enable); -EINVAL for a spec that
 * makes no sense; -ENOENT, -EACCES for a source; -ENOSYS for a kernel before 5.14; or another -errno. Blocks for
 * about 2 ms.
 */
int hb_sandbox_create(
	const struct hb_sandbox_spec *spec, struct hb_sandbox **ret, struct hb_error *reterr);

/* hb_sandbox_destroy - end the sandbox and wait until nothing of it is left. NULL is allowed. */
void hb_sandbox_destroy(struct hb_sandbox *sandbox);

/*
 * hb_sandbox_run - run one command and wait for it.
 * @command: argv, files, limits.
 * @ret: on success what happened, freed by hb_sandbox_result_finish(). How the command ended is no error.
 *
 * Returns 0; -ENOENT, -EACCES or -ENOEXEC if the program cannot be executed inside; -EINVAL for a command or tree that
 * makes no sense (the entry in @reterr); -ENOSPC if the tree does not fit into the disk limit; -ECHILD if the sandbox
 * itself has ended (every later call fails the same way); or another -errno. Blocks until the command and all it
 * started are dead: at most the wall limit and a few milliseconds.
 */
int hb_sandbox_run(struct hb_sandbox *sandbox, const struct hb_sandbox_command *command,
	struct hb_sandbox_result *ret, struct hb_error *reterr);

/*
 * hb_sandbox_run_batch - run @count commands one after another, each as hb_sandbox_run() does.
 * @results: shape [@count]; all are filled on success, none on failure.
 *
 * Returns 0, or what hb_sandbox_run() returned for the first command that could not be run (its index in @reterr).
 */
int hb_sandbox_run_batch(struct hb_sandbox *sandbox, const struct hb_sandbox_command *commands,
	size_t count, struct hb_sandbox_result *results, struct hb_error *reterr);

/* hb_sandbox_run_once - create, run and destroy in one call. Errors are those of all three. Blocks. */
int hb_sandbox_run_once(const struct hb_sandbox_spec *spec,
	const struct hb_sandbox_command *command, struct hb_sandbox_result *ret,
	struct hb_error *reterr);

/* hb_sandbox_result_finish - free what @result points to and clear it. A cleared result is allowed. */
void hb_sandbox_result_finish(struct hb_sandbox_result *result);

/*
 * hb_sandbox_probe - can sandboxes be made here? Starts one and runs nothing in it. Returns as hb_sandbox_create().
 */
int hb_sandbox_probe(struct hb_error *reterr);

#endif
