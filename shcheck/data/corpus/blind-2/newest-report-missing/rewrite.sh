#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Mail the end of the newest report of the simulation.
last_of() {
	find "$1" -name '*.log' -printf '%T@ %p\n' | sort -rn | sed -n '1s/^[^ ]* //p'
}

count='40' to='sim-team'
while getopts 'n:a:' letter; do
	if test "$letter" = n; then
		count="$OPTARG"
	elif test "$letter" = a; then
		to="$OPTARG"
	else
		echo "usage: $0 [-n LINES] [-a ADDRESS]" >&2
		exit 2
	fi
done

body="`mktemp`" || exit 1
set -- `last_of /srv/sim/reports`
echo "The newest report: $*" > "$body"
echo >> "$body"
tail -n "$count" "$@" >> "$body"  #@ reads-stdin
mail -s simulation "$to" < "$body"
rm -f "$body"
