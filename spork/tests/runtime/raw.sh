#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# raw.sh SPORK PROGRAM - forks that bypass libc are found with --trap calls, and left alone without.
set -u
spork=$1 program=$2
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME="$folder"
"$program" >"$folder/expected" || exit 1
faults=0

# run FLAGS...: the program under spork prints what it prints without.
run()
{
	"$spork" run --settle --min-rss 0 --mode record --stats "$folder/stats" "$@" -- "$program" >"$folder/got" 2>&1
	cmp "$folder/expected" "$folder/got" || faults=$((faults + 1))
}

run
grep -q '"forks":.*"0"' "$folder/stats" || { echo "without --trap calls raw forks were counted"; faults=$((faults + 1)); }
run --trap calls
if ! grep -q '"forks":.*"6"' "$folder/stats"; then
	# Older kernels, and machines whose kernel lacks it: only syscall(2) is found.
	echo "skip: needs syscall user dispatch (Linux 5.11, CONFIG_GENERIC_ENTRY)"
	exit 77
fi
run --trap calls
grep -q '"converted":.*"6"' "$folder/stats" || { echo "raw forks were not converted"; cat "$folder/stats"; faults=$((faults + 1)); }
exit $((faults > 0))
