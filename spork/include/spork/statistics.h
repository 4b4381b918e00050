/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What became of every call of fork, counted in a file that all processes of one `spork run` map. Counters only
 * grow, by atomic additions, so that readers need no lock and a killed writer leaves nothing half done.
 *
 * Safe from any thread, signal handler or vfork child. Format of the report: docs/reference/spork-json.md.
 */
#ifndef SPORK_STATISTICS_H
#define SPORK_STATISTICS_H

#include <stdint.h>

#define SPORK_STATISTICS_MAGIC 0x34736b726f7073ULL
#define SPORK_STATISTICS_SYSCALLS 512
#define SPORK_STATISTICS_SITES 512
#define SPORK_SITE_LABEL_BYTES 192
#define SPORK_SITE_DETAIL_BYTES 64

/*
 * Why a fork went the way it went; every one is counted exactly once, under the last reason. The names in the
 * report are in spork_reason_name().
 */
enum spork_reason {
	/* converted */
	SPORK_CONVERTED_RECORD,
	SPORK_CONVERTED_RECIPE,
	SPORK_CONVERTED_SHARED,
	/* really forked, without an attempt */
	SPORK_FORK_MODE,  /* --mode fork */
	SPORK_FORK_SMALL, /* less resident memory than --min-rss */
	SPORK_FORK_FLAGS, /* clone with other flags than fork's */
	SPORK_FORK_HIDDEN, /* the program hides memory from its children (MADV_DONTFORK, MADV_WIPEONFORK) */
	SPORK_FORK_NO_MEMORY, /* no room for the runtime's own memory */
	SPORK_FORK_BUSY,      /* another thread of the process is at it */
	SPORK_FORK_TRACED,    /* a debugger or strace is attached */
	SPORK_FORK_SECCOMP,   /* confined by seccomp */
	SPORK_FORK_STATUS,    /* /proc does not say what must be known */
	SPORK_FORK_CACHE,     /* the cache cannot be used or is not trusted */
	SPORK_FORK_VERDICT,   /* the analyser: no path reaches exec */
	SPORK_FORK_BACK_OFF,  /* has aborted too often lately */
	SPORK_FORK_KEYS, /* --mode shared in a large process, on a CPU without protection keys */
	SPORK_FORK_NAMESPACES, /* children of the process begin in other namespaces than its own */
	/* really forked, after an attempt that left no trace */
	SPORK_ABORT_NO_CODE,     /* an address without decoded code; the helper was asked */
	SPORK_ABORT_OTHER_CODE,  /* code in memory is not that of the file with this build-id */
	SPORK_ABORT_INSTRUCTION, /* an instruction that must not be interpreted */
	SPORK_ABORT_MEMORY, /* an address that is not mapped, not writable or shared with others */
	SPORK_ABORT_HUGE_PAGE,     /* a first write into a huge page, which it would split */
	SPORK_ABORT_ARENA,         /* more pages written than the overlay holds */
	SPORK_ABORT_BUDGET,        /* more instructions than the budget */
	SPORK_ABORT_TRAP,          /* the child would have died of a fault */
	SPORK_ABORT_SYSCALL,       /* a system call that is not modelled; see "syscalls" */
	SPORK_ABORT_BLOCKING,      /* a system call that may block */
	SPORK_ABORT_NESTED,        /* the child forks itself */
	SPORK_ABORT_NO_EXEC,       /* the child exits without exec */
	SPORK_ABORT_EXTERNAL,      /* an effect outside whose result cannot be predicted */
	SPORK_ABORT_ADDRESS_SPACE, /* state that belongs to the address space, which is the parent's */
	SPORK_ABORT_CREDENTIALS, /* changed user or group ids would make the parent non-dumpable */
	SPORK_ABORT_ARGUMENTS,   /* pointers or sizes of a system call beyond the limits */
	SPORK_ABORT_SIGNAL,      /* a signal for the child is pending */
	SPORK_ABORT_STALE,       /* a sibling thread changed what had been read */
	SPORK_ABORT_CLONE,       /* no child could be made; the real fork says why */
	SPORK_ABORT_DIED,        /* the child was killed before anything was visible */
	SPORK_REASON_COUNT
};

/* Things that are reported but are no fork. */
enum spork_notice {
	SPORK_NOTICE_NO_HOOK,     /* processes whose libc was not recognised */
	SPORK_NOTICE_HOOK_DENIED, /* the kernel refused to let libc be patched */
	SPORK_NOTICE_EXEC,        /* programs started, spork staying with them */
	SPORK_NOTICE_EXEC_SETUID, /* set-id programs: run untouched */
	SPORK_NOTICE_EXEC_STATIC, /* static or foreign programs: run untouched */
	SPORK_NOTICE_EXEC_AWAY, /* the library cannot be reached from there (chroot, other user) */
	SPORK_NOTICE_EXEC_LEAF, /* programs that start no others: run untouched */
	SPORK_NOTICE_INSTRUCTIONS, /* interpreted, in all attempts */
	SPORK_NOTICE_PAGES,        /* written by the children of all attempts */
	SPORK_NOTICE_REQUESTS,     /* sent to the helper */
	SPORK_NOTICE_LATE, /* aborts that went on in a real child at the point that was reached */
	SPORK_NOTICE_REPLAYED, /* deaths of a child that were carried out by a real one */
	SPORK_NOTICE_DIGESTS,  /* stretches of recipes whose outcome was put in place */
	SPORK_NOTICE_WHOLE, /* children that executed at once, without being interpreted or replayed */
	SPORK_NOTICE_COUNT
};

/* One calling context. @state: 0 free, 1 being written, 2 valid. */
struct spork_site_count {
	uint32_t state;
	uint32_t last_reason; /* enum spork_reason */
	uint64_t key[2];
	uint64_t attempts, converted;
	uint64_t executed; /* children of real forks that executed a program after all */
	char detail[SPORK_SITE_DETAIL_BYTES]; /* of the last abort: an address or a system call */
	char label[SPORK_SITE_LABEL_BYTES];   /* "program: module+0x1234 < module+0x5678 < …" */
};

struct spork_statistics {
	uint64_t magic;
	uint64_t processes; /* that forked at least once */
	uint64_t reasons[SPORK_REASON_COUNT];
	uint64_t executed
		[SPORK_REASON_COUNT]; /* of these, really forked: a program was executed after all */
	uint64_t notices[SPORK_NOTICE_COUNT];
	uint64_t syscalls[SPORK_STATISTICS_SYSCALLS]; /* at which SPORK_ABORT_SYSCALL happened */
	uint64_t sites_lost;                          /* did not fit */
	struct spork_site_count sites[SPORK_STATISTICS_SITES];
};

/* The names in reports: "converted-record", "fork-small", …; "?" beyond the last. Static strings. */
const char *spork_reason_name(enum spork_reason reason);
const char *spork_notice_name(enum spork_notice notice);

#endif
