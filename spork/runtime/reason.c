/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of the counters, for reports; not part of the library that is loaded into programs. */
#include "spork/statistics.h"

static const char *const reasons[SPORK_REASON_COUNT] = {
	[SPORK_CONVERTED_RECORD] = "converted-record",
	[SPORK_CONVERTED_RECIPE] = "converted-recipe",
	[SPORK_CONVERTED_SHARED] = "converted-shared",
	[SPORK_FORK_MODE] = "fork-mode",
	[SPORK_FORK_SMALL] = "fork-small",
	[SPORK_FORK_FLAGS] = "fork-flags",
	[SPORK_FORK_HIDDEN] = "fork-hidden-memory",
	[SPORK_FORK_NO_MEMORY] = "fork-no-memory",
	[SPORK_FORK_BUSY] = "fork-busy",
	[SPORK_FORK_TRACED] = "fork-traced",
	[SPORK_FORK_SECCOMP] = "fork-seccomp",
	[SPORK_FORK_STATUS] = "fork-status",
	[SPORK_FORK_CACHE] = "fork-cache",
	[SPORK_FORK_VERDICT] = "fork-verdict",
	[SPORK_FORK_BACK_OFF] = "fork-back-off",
	[SPORK_FORK_KEYS] = "fork-keys",
	[SPORK_FORK_NAMESPACES] = "fork-namespaces",
	[SPORK_ABORT_NO_CODE] = "abort-no-code",
	[SPORK_ABORT_OTHER_CODE] = "abort-other-code",
	[SPORK_ABORT_INSTRUCTION] = "abort-instruction",
	[SPORK_ABORT_MEMORY] = "abort-memory",
	[SPORK_ABORT_HUGE_PAGE] = "abort-huge-page",
	[SPORK_ABORT_ARENA] = "abort-arena",
	[SPORK_ABORT_BUDGET] = "abort-budget",
	[SPORK_ABORT_TRAP] = "abort-trap",
	[SPORK_ABORT_SYSCALL] = "abort-syscall",
	[SPORK_ABORT_BLOCKING] = "abort-blocking",
	[SPORK_ABORT_NESTED] = "abort-nested",
	[SPORK_ABORT_NO_EXEC] = "abort-no-exec",
	[SPORK_ABORT_EXTERNAL] = "abort-external",
	[SPORK_ABORT_ADDRESS_SPACE] = "abort-address-space",
	[SPORK_ABORT_CREDENTIALS] = "abort-credentials",
	[SPORK_ABORT_ARGUMENTS] = "abort-arguments",
	[SPORK_ABORT_SIGNAL] = "abort-signal",
	[SPORK_ABORT_STALE] = "abort-stale",
	[SPORK_ABORT_CLONE] = "abort-clone",
	[SPORK_ABORT_DIED] = "abort-died",
};

static const char *const notices[SPORK_NOTICE_COUNT] = {
	[SPORK_NOTICE_NO_HOOK] = "no-hook",
	[SPORK_NOTICE_HOOK_DENIED] = "hook-denied",
	[SPORK_NOTICE_EXEC] = "exec",
	[SPORK_NOTICE_EXEC_SETUID] = "exec-setuid",
	[SPORK_NOTICE_EXEC_STATIC] = "exec-static",
	[SPORK_NOTICE_EXEC_AWAY] = "exec-away",
	[SPORK_NOTICE_EXEC_LEAF] = "exec-leaf",
	[SPORK_NOTICE_INSTRUCTIONS] = "instructions",
	[SPORK_NOTICE_PAGES] = "pages",
	[SPORK_NOTICE_REQUESTS] = "requests",
	[SPORK_NOTICE_LATE] = "late-forks",
	[SPORK_NOTICE_REPLAYED] = "replayed-deaths",
	[SPORK_NOTICE_DIGESTS] = "digests",
	[SPORK_NOTICE_WHOLE] = "whole-children",
};

const char *spork_reason_name(enum spork_reason reason)
{
	return (unsigned)reason < SPORK_REASON_COUNT ? reasons[reason] : "?";
}

const char *spork_notice_name(enum spork_notice notice)
{
	return (unsigned)notice < SPORK_NOTICE_COUNT ? notices[notice] : "?";
}
