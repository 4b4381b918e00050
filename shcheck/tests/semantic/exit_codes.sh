#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The exit codes of the program, and the same output twice. The scripts are only read.
shcheck=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "${folder:?}"' EXIT
failures=0

expect() {
	wanted=$1
	shift
	"$shcheck" "$@" > "$folder/out" 2>&1
	found=$?
	if [ "$found" -ne "$wanted" ]; then
		echo "FAILED: exit code $found, not $wanted: $*"
		failures=1
	fi
}

printf 'echo one\n' > "$folder/clean"
# shellcheck disable=SC2016 # the text of a script
printf 'cd "$1"\nrm -rf *\n' > "$folder/found"
expect 0 "$folder/clean"
expect 0 --strict "$folder/clean"
expect 1 "$folder/found"
expect 0 -e SH102 "$folder/found"
expect 1 -i SH102 -S error "$folder/found"
expect 2 "$folder/absent"
expect 3 --strikt "$folder/clean"
expect 4 -S loud "$folder/clean"
expect 0 explain SH102
"$shcheck" --format json "$folder/found" > "$folder/first"
"$shcheck" --format json "$folder/found" > "$folder/second"
cmp "$folder/first" "$folder/second" || failures=1
exit $failures
