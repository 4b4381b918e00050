#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# environment.sh SPORK - the program sees nothing of spork, and its descendants are still under it.
set -u

spork=$(realpath "$1") || exit 99
failed=0
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
XDG_CACHE_HOME=$scratch/cache
export XDG_CACHE_HOME
mkdir -m 700 "$XDG_CACHE_HOME"

fault()
{
	echo "$*"
	failed=$((failed + 1))
}

same()
{
	[ "$2" = "$3" ] || fault "$1: '$3' instead of '$2'"
}

# Natively and under spork, the command prints the same.
alike()
{
	what=$1
	shift
	same "$what" "$("$@" 2>&1)" "$("$spork" run -- "$@" 2>&1)"
}

# Of the shell: grep itself may be a program that runs untouched.
loaded='grep -c "r.xp.*libspork.so" /proc/$$/maps; :'

alike 'env' env
alike 'env of a grandchild' sh -c 'sh -c env'
alike 'an empty environment' env -i /usr/bin/env
alike 'the kernel has no text of ours' sh -c 'tr "\0" "\n" </proc/self/environ | grep -c spork'
alike 'an own LD_PRELOAD' env LD_PRELOAD=/nonexistent.so sh -c 'env | grep LD_PRELOAD'
alike 'an empty LD_PRELOAD' env LD_PRELOAD= sh -c 'env | grep LD_PRELOAD'
# Converted forks put it back on another way than those that are not.
own='for i in 1 2 3; do LD_PRELOAD=libm.so.6 /usr/bin/env | grep LD_; done; LD_DEBUG=files /bin/true 2>&1 | grep -c spork'
want=$(bash -c "$own" 2>&1)
for round in 1 2 3; do
	same "an own LD_PRELOAD, round $round" "$want" "$("$spork" run --min-rss 0 --settle -- bash -c "$own" 2>&1)"
done
same 'the program' 1 "$("$spork" run -- sh -c "$loaded")"
same 'through an empty environment' 1 "$("$spork" run -- env -i /bin/sh -c "$loaded")"
same 'through a set LD_PRELOAD' 1 "$("$spork" run -- env LD_PRELOAD= /bin/sh -c "$loaded")"
same 'through an unset LD_PRELOAD' 1 "$("$spork" run -- sh -c "unset LD_PRELOAD; sh -c '$loaded'")"
same 'not outside' 0 "$(sh -c "$loaded")"

# In place: the same process, and no child of it that it did not make.
same 'in place' "$("$spork" run -- sh -c 'echo $PPID')" "$$"
same 'no child left' '' "$("$spork" run -- sh -c 'read x </proc/$$/task/$$/children; echo "$x"')"

"$spork" run -- sh -c 'exit 41'
same 'status' 41 $?
"$spork" run --json -- sh -c 'exit 42' 2>/dev/null
same 'status with --json' 42 $?
sh -c '"$0" run --json -- sh -c "kill -TERM \$\$" 2>/dev/null' "$spork"
same 'signal with --json' 143 $?
"$spork" run -- /nonexistent/program 2>/dev/null
same 'no such program' 127 $?
"$spork" run --min-rss 12Q -- true 2>/dev/null
same 'usage' 2 $?

# A static program sees no more of it than its own environment.
if command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1; then
	same 'a static program' "$(busybox env)" "$("$spork" run -- busybox env 2>/dev/null)"
	"$spork" run --json -- busybox true 2>&1 | grep -q '"program":.*"static"' || fault 'static is not reported'
fi

# A cache that others can write, or that is a link, is refused, never used.
chmod 777 "$XDG_CACHE_HOME/spork"
"$spork" run -- true 2>/dev/null
same 'a cache open to others' 125 $?
rm -rf "$XDG_CACHE_HOME/spork"
mkdir -m 700 "$scratch/elsewhere"
ln -s "$scratch/elsewhere" "$XDG_CACHE_HOME/spork"
"$spork" run -- true 2>/dev/null
same 'a cache that is a link' 125 $?
rm "$XDG_CACHE_HOME/spork"

# Damaged verdicts and code are replaced, not believed.
"$spork" run --settle --min-rss 0 -- sh -c '/bin/true; :' || fault 'a fresh cache'
for file in "$XDG_CACHE_HOME"/spork/code/*; do
	[ -f "$file" ] && head -c 3000 /dev/urandom >"$file"
done
head -c 1000 /dev/urandom >"$XDG_CACHE_HOME/spork/verdicts"
same 'after damage' 'still here' "$("$spork" run --min-rss 0 -- sh -c 'echo $(/bin/echo still here)')"

# The helper ends with the program, and clears up.
"$spork" run --settle -- true
tries=0
while [ -n "$(ls "$XDG_CACHE_HOME/spork/runs")" ] && [ $tries -lt 100 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
same 'runs left' '' "$(ls "$XDG_CACHE_HOME/spork/runs")"
"$spork" cache list --json | grep -q '"schema".*spork.cache/1' || fault 'cache list'
"$spork" cache clear || fault 'cache clear'
same 'cleared' 0 "$("$spork" cache list --json | sed -n 's/.*"modules":[^0-9]*\([0-9]*\).*/\1/p')"

[ "$failed" = 0 ] || { echo "$failed faults"; exit 1; }
