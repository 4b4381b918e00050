#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The commands of the tutorial and of the README, where this machine can run them all.
# Usage: docs.sh PROGRAM DOC_COMMANDS BUILD PAGE...
set -u
program=$1
doc_commands=$2
shift 2

skip()
{
	echo "skip: needs $*"
	exit 77
}

command -v redis-server >/dev/null && command -v redis-cli >/dev/null || skip 'redis-server and redis-cli'
"$program" link -- true 2>/dev/null || skip 'namespaces and /dev/net/tun'
[ "$(id -u)" -eq 0 ] || [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" -eq 0 ] ||
	skip 'the right to ptrace'
exec sh "$doc_commands" "$@"
