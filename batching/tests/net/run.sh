#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# batching run: a program's sockets have the mode that was asked for, at both ends of a connection, while the program
# reads back what it set itself. Usage: run.sh PROGRAM PROBE
set -u
program=$1
probe=$2
faults=0

# expect WANTED COMMAND...
expect()
{
	wanted=$1
	shift
	got=$("$@" 2>&1)
	[ "$got" = "$wanted" ] || {
		echo "FAULT: $*: '$got', not '$wanted'"
		faults=$((faults + 1))
	}
}

# In the kernel: connecting end, accepted end, one that asked for TCP_NODELAY, one that asked for none; read back: the
# last two.
expect 'kernel 0 0 1 0 told 1 0' "$probe"
expect 'kernel 0 0 0 0 told 1 0' "$program" run --policy nagle -- "$probe"
expect 'kernel 1 1 1 1 told 1 0' "$program" run --policy nodelay -- "$probe"
expect 'batching run: no-such-program: cannot be started: No such file or directory' \
	"$program" run --policy nagle -- no-such-program
"$program" run --policy nagle -- sh -c 'exit 7'
[ $? -eq 7 ] || {
	echo 'FAULT: the exit code is not the program'"'"'s'
	faults=$((faults + 1))
}
[ "$faults" -eq 0 ]
