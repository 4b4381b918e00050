/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The child's signal state is kept beside the real one: its process blocks everything until exec, so that no
 * handler of the program ever runs in memory that it shares with the parent.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "kernel.h"
#include "raw_syscall.h"

#define SIGNAL_BIT(n) (1ULL << ((n)-1))
#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define SIGNALS 64

/* What the process has: a copy of the parent's, as long as the child has not changed it. */
static bool fetch(struct kernel *k, int signal_number)
{
	if (k->changed & SIGNAL_BIT(signal_number))
		return true;
	return raw4(SYS_rt_sigaction, signal_number, NULL, &k->actions[signal_number],
		       KERNEL_SIGSET_BYTES) == 0;
}

bool kernel_signal_known(struct kernel *k, int number)
{
	if (!fetch(k, number))
		return false;
	k->changed |= SIGNAL_BIT(number);
	return true;
}

enum call_result kernel_sigaction(struct kernel *k)
{
	int number = (int)kernel_argument(k, 0);
	uint64_t new_action = kernel_argument(k, 1), old_action = kernel_argument(k, 2);
	struct kernel_action wanted = {0};

	if (number < 1 || number > SIGNALS || kernel_argument(k, 3) != KERNEL_SIGSET_BYTES ||
		(new_action && (number == SIGKILL || number == SIGSTOP)))
		return kernel_result(k, -EINVAL);
	if (!fetch(k, number) ||
		(new_action && !kernel_read(k, new_action, &wanted, sizeof(wanted))))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	if (old_action &&
		!kernel_write(k, old_action, &k->actions[number], sizeof(k->actions[number])))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	if (new_action) {
		wanted.mask &= ~UNBLOCKABLE;
		k->actions[number] = wanted;
		k->changed |= SIGNAL_BIT(number);
	}
	return kernel_result(k, 0);
}

enum call_result kernel_sigprocmask(struct kernel *k)
{
	uint64_t set_address = kernel_argument(k, 1), old_address = kernel_argument(k, 2);
	uint64_t set = 0, before = k->mask;

	if (kernel_argument(k, 3) != KERNEL_SIGSET_BYTES)
		return kernel_result(k, -EINVAL);
	if (set_address) {
		if (!kernel_read(k, set_address, &set, sizeof(set)))
			return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
		switch ((int)kernel_argument(k, 0)) {
		case SIG_BLOCK:
			k->mask |= set;
			break;
		case SIG_UNBLOCK:
			k->mask &= ~set;
			break;
		case SIG_SETMASK:
			k->mask = set;
			break;
		default:
			return kernel_result(k, -EINVAL);
		}
		k->mask &= ~UNBLOCKABLE;
	}
	if (old_address && !kernel_write(k, old_address, &before, sizeof(before)))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	return kernel_result(k, 0);
}

bool kernel_signal_refused(struct kernel *k, int number)
{
	return (k->mask & SIGNAL_BIT(number)) ||
	       (fetch(k, number) && k->actions[number].handler == (uint64_t)SIG_IGN);
}

SPORK_FAST bool kernel_signal_waits(const struct kernel *k)
{
	uint64_t pending = 0;

	return raw2(SYS_rt_sigpending, &pending, KERNEL_SIGSET_BYTES) != 0 ||
	       (pending & ~k->mask) != 0;
}

static void set_default(struct kernel *k, int number)
{
	const struct kernel_action none = {0};

	/* Remembered first: should exec fail, the child finds what it had. */
	if (!fetch(k, number))
		return;
	k->changed |= SIGNAL_BIT(number);
	(void)raw4(SYS_rt_sigaction, number, &none, NULL, KERNEL_SIGSET_BYTES);
}

SPORK_FAST void kernel_signals_apply(struct kernel *k)
{
	uint64_t asked = k->changed, handled = k->attempt->caller.caught & ~k->mask;

	/* A sibling may have set a handler since we looked. */
	if (k->attempt->caller.threaded)
		handled = ~k->mask & ~UNBLOCKABLE;
	for (int number = 1; number <= SIGNALS; number++) {
		uint64_t bit = SIGNAL_BIT(number);
		struct kernel_action action = {0};

		if (asked & bit) {
			if (k->actions[number].handler == (uint64_t)SIG_IGN)
				action.handler = (uint64_t)SIG_IGN;
			(void)raw4(SYS_rt_sigaction, number, &action, NULL, KERNEL_SIGSET_BYTES);
		} else if (handled & bit) {
			/* Perhaps no longer: what is ignored stays ignored. */
			if (fetch(k, number) && k->actions[number].handler > 1)
				set_default(k, number);
		}
	}
	(void)raw4(SYS_rt_sigprocmask, SIG_SETMASK, &k->mask, NULL, KERNEL_SIGSET_BYTES);
}

void kernel_signals_block(void)
{
	const uint64_t all = UINT64_MAX;

	(void)raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, KERNEL_SIGSET_BYTES);
}
