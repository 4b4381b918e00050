/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What runs inside the namespaces as PID 1, and the messages between it and the library on the caller's side.
 *
 * PID 1 is a copy of the calling process without exec: another thread of the caller may have held any lock at that
 * moment. So everything declared here and run inside uses system calls and its own mappings only: no allocation, no
 * stdio, no locale. Both sides are the same binary on the same machine; messages are plain structs.
 */
#ifndef SANDBOX_INSIDE_H
#define SANDBOX_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotbed/sandbox.h>

struct sock_fprog;

#define SOURCES_MAX (HB_SANDBOX_MOUNTS_MAX * 2 + 16)
#define INODES_MAX 65536
#define CANARY_BYTES_MAX (1 << 20)
#define RECORDS_MAX (2 * INODES_MAX)

/* What PID 1 was doing when something failed; the caller's side turns it into a sentence. */
enum step {
	STEP_NONE,
	STEP_IDS,
	STEP_SOURCE, /* index: mount */
	STEP_STAGE,
	STEP_PROC,
	STEP_DEVICES,
	STEP_SYSTEM,
	STEP_NETWORK,
	STEP_NAMESPACE,
	STEP_ROOT,
	STEP_TARGET,  /* index: mount */
	STEP_OVERLAY, /* index: mount */
	STEP_XATTR,   /* index: mount */
	STEP_TREE,    /* index: entry */
	STEP_CANARY,  /* index: canary */
	STEP_DIRECTORY,
	STEP_FILTER,
	STEP_LIMITS,
	STEP_EXEC,
	STEP_MEMORY,
	STEP_REPLY,
};

/* A failure inside; code 0 is none. */
struct fault {
	int code; /* negative errno */
	enum step step;
	unsigned index;
};

/* Where a staged folder or file came from. The stage is the root of PID 1: source N stands at /sN there. */
struct source {
	char name[8];       /* "sN" */
	const char *path;   /* on the host */
	const char *target; /* inside; NULL for an upper layer */
	int fd;             /* O_PATH, until it is staged */
	bool directory;
	bool writable;
	bool detached; /* @fd is a mount to be attached, not a place to be cloned */
	bool symlink;  /* of the system: made anew with this target */
	char link[64];
};

/* All that PID 1 knows. Set up by the caller before the clone, then owned by PID 1 alone. */
struct inside {
	const struct hb_sandbox_spec *spec; /* validated copy */
	uid_t uid;                          /* inside */
	bool drop_groups;
	/* Mounts that the caller made with mapped ids, or -1: taken as they are instead of opening the source. */
	int mapped_mount[HB_SANDBOX_MOUNTS_MAX];
	const struct sock_fprog *filter;
	int control, caller_pidfd, signal_fd;
	int stage_ns; /* mount namespace of the stage */
	int proc;     /* /proc of the PID namespace */
	struct source sources[SOURCES_MAX];
	unsigned sources_count;
	unsigned system_count;                        /* the first sources are the system's */
	unsigned mount_source[HB_SANDBOX_MOUNTS_MAX]; /* index in @sources */
	unsigned upper_source[HB_SANDBOX_MOUNTS_MAX];
	int first_free; /* descriptors from here on belong to one command */
	char *scratch;  /* SCRATCH_BYTES, for listings and for the stack of a starting command */
	/* Of the command that runs now. */
	int area; /* root of its file system in memory */
	int root; /* its root */
	/* Of each overlay, else -1. */
	int lower_fd[HB_SANDBOX_MOUNTS_MAX], upper_fd[HB_SANDBOX_MOUNTS_MAX];
};

#define SCRATCH_BYTES ((size_t)(1 << 20))

/* Caller to PID 1. RUN comes with five descriptors: request, reply, standard input, output, error. */
enum operation { OPERATION_RUN = 1, OPERATION_STOP_OUTPUT };
#define RUN_DESCRIPTORS 5

/*
 * The request as laid out in a memory file: this struct, then what it points to. Pointers are written as offsets from
 * its start and turned into addresses by request_map().
 */
struct request {
	size_t size_bytes;
	const char **argv, **environment;
	const char *directory;
	struct hb_sandbox_entry *tree;
	size_t tree_count;
	const char **canaries;
	size_t canaries_count;
	struct hb_sandbox_limits limits; /* none is 0 */
	bool list_changes;
	size_t argc, envc;
};

/* PID 1 to caller, after a command and once after the start. */
struct reply {
	struct fault fault;
	int status; /* of wait4() */
	unsigned limits;
	int64_t wall_ns, user_ns, system_ns;
	uint64_t memory_peak_bytes;
	unsigned processes_peak;
	bool changes_cut;
};

/*
 * The reply's memory file: one byte per canary, then records. A record is a file found before (HB_SANDBOX_DELETED if it
 * does not appear again) or after the command, or in an upper layer.
 */
enum listing { LISTING_BEFORE, LISTING_AFTER, LISTING_UPPER };

struct record {
	uint8_t listing;
	uint8_t overlay;  /* index of the mount, for LISTING_UPPER */
	uint8_t in_lower; /* something stands at this path in the lower folder */
	uint8_t opaque;
	uint32_t mode;
	uint64_t size, inode;
	int64_t mtime_ns, ctime_ns;
	uint32_t
		path_bytes; /* that follow, without NUL, relative to the root of the listing, no leading slash */
	uint32_t reserved;
};

/* inside_main - PID 1. Never returns. */
_Noreturn void inside_main(struct inside *in);

/* stage_build - open the sources, take on the ids, make the stage and leave the host's files. */
struct fault stage_build(struct inside *in);

/* root_build - a new mount namespace with a new root in memory, and move into it. Sets in->area and in->root. */
struct fault root_build(struct inside *in, const struct request *request);

/* root_leave - back to the stage; the last command's mounts are gone. */
struct fault root_leave(struct inside *in);

/* tree_build - make the initial tree under in->root. */
struct fault tree_build(int root, const struct hb_sandbox_entry *tree, size_t count);

/*
 * parent_open - open the folder that holds @path (absolute, checked) under @root without following any symbolic link,
 * and point @ret_name at the last component. @make: folders that lack are made. Returns a descriptor or -errno.
 */
int parent_open(int root, const char *path, bool make, const char **ret_name);

/* Canaries: the states are kept in a mapping of PID 1 between the two calls. */
struct canary_store {
	char *memory;
	size_t size_bytes, used_bytes;
};
struct fault canaries_record(struct canary_store *store, int root, const struct request *request);
int canaries_check(
	struct canary_store *store, int root, const struct request *request, int reply_fd);

/* changes_list - append records of the files under the root in memory. */
int changes_list_root(struct inside *in, enum listing listing, int reply_fd, bool *ret_cut);
/* changes_list_uppers - append records of what stands in the upper layers. */
int changes_list_uppers(struct inside *in, int reply_fd, bool *ret_cut);

/* Usage of all processes of the namespace but PID 1, from /proc. */
struct usage {
	uint64_t memory_bytes; /* anonymous and shared */
	int64_t cpu_ns;
	unsigned processes; /* threads count */
};
void usage_sample(struct inside *in, struct usage *ret);

/* command_start - start the command; it runs when this returns without fault. */
struct fault command_start(
	struct inside *in, const struct request *request, const int *descriptors, pid_t *ret_pid);

/*
 * filter_get - the system call filter, made once per process. @shared_memory: memfd_create() and shmget() are
 * allowed.
 */
int filter_get(bool shared_memory, const struct sock_fprog **ret, struct hb_error *reterr);

/* write_all - write() until all is written. Returns 0 or -errno. */
int write_all(int fd, const void *bytes, size_t count);

#endif
