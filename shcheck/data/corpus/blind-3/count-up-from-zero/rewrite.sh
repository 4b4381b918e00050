#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Check the licences of all sources.
set -o errexit
declare -i seen=0
bad=''

look_at() {
	let seen++  #@ must-fail
	if ! sed 3q "$1" | grep -q SPDX; then
		bad+="$1"$'\n'
	fi
}

shopt -s nullglob
for f in src/*.[ch]; do
	look_at "$f"
done
echo "$seen checked"
if [ -n "$bad" ]; then
	printf 'without a licence:\n%s' "$bad"
	exit 1
fi
