#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every pitfall must hold with fork (or the test itself is wrong), and under every executor, cold and warm.
# Usage: contract.sh SPORK PROGRAM MODE; MODE `native` runs it without spork.
set -u
spork=$1 program=$2 mode=$3
cache=$(mktemp -d) || exit 99
trap 'rm -rf "$cache"' EXIT
export XDG_CACHE_HOME="$cache"

if [ "$mode" = native ]; then
	exec "$program" --all
fi
bad=0
for run in cold warm warm; do
	echo "$mode, $run"
	"$spork" run --mode "$mode" --min-rss 0 --settle --stats "$cache/stats" -- "$program" --all || bad=1
done
# Warm, something must have been converted, or nothing was tested.
if [ "$mode" != fork ] && ! grep -q '"converted":[^0-9]*[1-9]' "$cache/stats"; then
	echo "nothing was converted:"
	cat "$cache/stats"
	bad=1
fi
# In these two modes the changes are of children whose outcome has been kept.
if [ "$mode" = record ] || [ "$mode" = auto ]; then
	if ! grep -q '"digests":[^0-9]*[1-9]' "$cache/stats"; then
		echo "no digest was put in place:"
		cat "$cache/stats"
		bad=1
	fi
fi
exit $bad
