#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# leaf.sh SPORK - programs that start no others run untouched once the helper has found that out; all others do not.
set -u

spork=$(realpath "$1") || exit 99
failed=0
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
XDG_CACHE_HOME=$scratch/cache
export XDG_CACHE_HOME
mkdir -m 700 "$XDG_CACHE_HOME"
cd "$scratch" || exit 99

same()
{
	[ "$2" = "$3" ] && return
	echo "$1: '$3' instead of '$2'"
	failed=$((failed + 1))
}

# is_loaded COMMAND...: does the program that sh starts have the runtime in it? 1 or 0. The command prints its own maps.
is_loaded()
{
	# shellcheck disable=SC2016
	"$spork" run --settle -- sh -c '"$@"; :' sh "$@" | grep -c 'r.xp.*libspork.so'
}

# count NOTICE COMMAND: how often the statistics of sh -c COMMAND have that notice.
count()
{
	"$spork" run --settle --stats stats -- sh -c "$2; :" >/dev/null
	sed -n "s/.*\"$1\":[^0-9]*\([0-9]*\).*/\1/p" stats
}

cp "$(command -v cat)" leaf
same 'a program that is not known yet' 1 "$(is_loaded ./leaf /proc/self/maps)"
same 'a relative name is not asked for' 1 "$(is_loaded ./leaf /proc/self/maps)"
same 'the first start' 1 "$(is_loaded "$scratch/leaf" /proc/self/maps)"
same 'a leaf' 0 "$(is_loaded "$scratch/leaf" /proc/self/maps)"
same 'a leaf by another name' 0 "$(is_loaded ./leaf /proc/self/maps)"
same 'a leaf is counted' 1 "$(count exec-leaf "$scratch/leaf /dev/null")"
same 'a leaf of a shell of a shell' 0 "$(is_loaded sh -c "$scratch/leaf /proc/self/maps; :")"

# Whatever its user loads into it may start programs.
# shellcheck disable=SC2016
with_library='LD_PRELOAD=libm.so.6 "$0" /proc/self/maps; :'
same 'a leaf with another library' 1 "$("$spork" run -- sh -c "$with_library" "$scratch/leaf" | grep -c 'r.xp.*libspork.so')"
# shellcheck disable=SC2016
trapped=$("$spork" run --trap calls -- sh -c '"$0" /proc/self/maps; :' "$scratch/leaf" | grep -c 'r.xp.*libspork.so')
same 'where raw forks are caught' 1 "$trapped"

# Another program in its place is another program: env starts others, and the shell behind it is under spork, too.
cp "$(command -v env)" leaf
for round in 1 2 3; do
	# shellcheck disable=SC2016
	loaded=$("$spork" run --settle -- sh -c '"$0" sh -c "grep -c r.xp.*libspork.so /proc/\$\$/maps; :"; :' "$scratch/leaf")
	same "a shell behind env, round $round" 1 "$loaded"
done

# It says nothing of us, and ends as it does alone.
cp "$(command -v printenv)" leaf
for round in 1 2 3; do
	same "its environment, round $round" '' "$("$spork" run --settle -- sh -c "$scratch/leaf; :" | grep -e SPORK -e LD_PRELOAD)"
done
"$spork" run -- sh -c "$scratch/leaf NO_SUCH_NAME"
same 'its status' 1 $?

[ "$failed" = 0 ] || { echo "$failed faults"; exit 1; }
