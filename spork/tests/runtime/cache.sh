#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# cache.sh SPORK - a cache that is damaged in any of its files changes no result: what is damaged is not used, and is
# found out again.
set -u

spork=$(realpath "$1") || exit 99
failed=0
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
XDG_CACHE_HOME=$scratch/cache
export XDG_CACHE_HOME
mkdir -m 700 "$XDG_CACHE_HOME"
cache=$XDG_CACHE_HOME/spork
want='1 2 3 4 5 6 7 8 '

fault()
{
	echo "$*"
	failed=$((failed + 1))
}

# Eight children that exec; prints how many of them were converted.
converted()
{
	got=$("$spork" run --min-rss 0 --settle --stats "$scratch/stats" -- \
		bash -c 'for i in 1 2 3 4 5 6 7 8; do /usr/bin/printf "%s " $i; :; done' 2>&1) ||
		fault "$1: status $?"
	[ "$got" = "$want" ] || fault "$1: '$got' instead of '$want'"
	count=$(sed -n 's/^.*"converted":[^0-9]*\([0-9]*\).*$/\1/p' "$scratch/stats" | head -n 1)
}

fill()
{
	rm -rf "$cache"
	for round in 1 2 3 4; do
		converted "filling"
	done
	[ "$count" -ge 7 ] || fault "only $count of 8 were converted with a warm cache"
}

# 64 bytes of noise in the middle of a file, which keeps its size.
damage()
{
	size=$(stat -c %s "$1")
	head -c 64 /dev/urandom | dd of="$1" bs=1 seek=$((size / 2)) conv=notrunc status=none
}

# A run with what is damaged, and then one with what was made anew.
survives()
{
	converted "$1"
	first=$count
	converted "$1, again"
	[ "$count" -ge 7 ] || fault "$1: $count of 8 were converted afterwards"
}

fill
for file in "$cache"/code/*; do
	damage "$file"
done
survives 'noise in the bodies of code files'
[ "$first" = 0 ] || fault "$first forks were converted by code that nobody has verified"

for file in "$cache"/code/*; do
	: >"$file"
done
survives 'empty code files'
[ "$first" = 0 ] || fault "$first forks were converted by empty files"

for file in "$cache"/code/*; do
	truncate -s $(($(stat -c %s "$file") / 2)) "$file"
done
survives 'truncated code files'

# Others may write them: not to be trusted whatever they hold, and not ours to change either.
chmod 666 "$cache"/code/*
converted 'code files that others can write'
[ "$count" = 0 ] || fault "$count forks were converted by code that others can write"
chmod 600 "$cache"/code/*
survives 'the same with their rights back'

mv "$cache/code" "$cache/elsewhere"
ln -s elsewhere "$cache/code"
got=$("$spork" run --min-rss 0 -- sh -c 'echo a; /bin/echo b' 2>/dev/null)
[ "$got" = '' ] || [ "$got" = "$(printf 'a\nb')" ] || fault "a linked folder: '$got'"
rm "$cache/code"
mv "$cache/elsewhere" "$cache/code"

for file in "$cache"/recipes/*; do
	[ -e "$file" ] && damage "$file"
done
survives 'noise in recipes'

damage "$cache/verdicts"
survives 'noise in the verdicts'
head -c "$(stat -c %s "$cache/verdicts")" /dev/urandom >"$cache/verdicts"
survives 'verdicts of nothing but noise'

[ "$failed" = 0 ] || { echo "$failed faults"; exit 1; }
