#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# children.sh SPORK CHILDREN - every scenario of children.c, natively and under spork: output, messages and status must be
# the same, and what is expected to be converted must have been, what must not be, not.
set -u

spork=$(realpath "$1") || exit 99
children=$(realpath "$2") || exit 99
failed=0
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
XDG_CACHE_HOME=$scratch
export XDG_CACHE_HOME
cd "$scratch" || exit 99

fault()
{
	echo "$*"
	failed=$((failed + 1))
}

# The value of a number in the report, 0 if it is not there.
number()
{
	value=$(sed -n "s/^.*\"$2\":[^0-9]*\([0-9]*\).*$/\1/p" "$1" | head -n 1)
	echo "${value:-0}"
}

# compare SCENARIO ROUND
compare()
{
	"$children" "$1" >native.out 2>native.err </dev/null
	native=$?
	"$spork" run --settle --min-rss 0 --stats stats.json -- "$children" "$1" >spork.out 2>spork.err </dev/null
	ours=$?
	[ "$native" = "$ours" ] || fault "$1, round $2: status $ours instead of $native"
	cmp -s native.out spork.out || fault "$1, round $2: output: $(diff native.out spork.out | head -n 4)"
	cmp -s native.err spork.err || fault "$1, round $2: messages: $(diff native.err spork.err | head -n 4)"
}

# Forgets the verdicts, which stand behind 64 bytes; what follows them says which code files are good, and stays.
forget()
{
	entries=$((8192 * 56))
	head -c "$entries" /dev/zero | dd of="$scratch/spork/verdicts" bs=64 seek=1 conv=notrunc status=none
}

# scenario NAME COUNT: COUNT forks are converted once the code is there.
scenario()
{
	compare "$1" 1
	forget
	compare "$1" 2
	converted=$(number stats.json converted)
	[ "$converted" = "$2" ] || fault "$1: $converted forks converted instead of $2: $(cat stats.json)"
	compare "$1" 3
}

# The first run of all has no code yet: it must fork, and ask.
"$spork" run --settle --min-rss 0 --stats first.json -- "$children" plain >/dev/null
[ "$(number first.json converted)" = 0 ] || fault "converted without code"
[ "$(number first.json abort-no-code)" = 1 ] || fault "the first fork was not counted as abort-no-code"
[ "$(number first.json requests)" -ge 2 ] || fault "the helper was not asked"

scenario plain 1
scenario search_path 1
scenario redirect 1
scenario attributes 1
scenario group 1
scenario signals 1
scenario handlers 1
scenario memory 1
scenario large_blocks 1
scenario buffered 1
scenario redirect_to_file 2
scenario message_before_exec 1
scenario script 1
scenario threads 1
scenario in_handler 1
scenario jump 1
scenario pseudo_terminal 1
scenario through_descriptor 1
scenario identity 1
scenario many 200
scenario nested 1
scenario spawned 0
scenario missing 0
scenario no_exec 0
# The helper has looked at it meanwhile: no path leads to exec, so no further attempt is made.
[ "$(number stats.json fork-verdict)" = 1 ] || fault "no_exec: no verdict: $(cat stats.json)"
scenario rendezvous 0
scenario killed_before_exec 0
# Only root's child changes its credentials.
if [ "$(id -u)" = 0 ]; then
	scenario credentials 0
else
	scenario credentials 1
fi
scenario address_space 0
scenario shared_memory 0
scenario shared_offset 0

[ "$failed" = 0 ] || { echo "$failed faults"; exit 1; }
