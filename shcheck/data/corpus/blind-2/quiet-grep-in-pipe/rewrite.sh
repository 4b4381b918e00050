#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Refuse to upgrade a cluster whose nodes are of different versions.
if [ -z "$1" ]; then
	echo "usage: upgrade-check.sh VERSION" >&2
	exit 1
fi
goal=$1 last=''

refuse() {
	echo "the nodes are of different versions" >&2
	exit 1
}

for machine in alpha beta gamma; do
	found="$(ssh "$machine" clusterctl version 2> /dev/null | grep --quiet '^server:' | awk '{ print $2 }')"  #@ empty-pipe
	if test -n "$last"; then
		test -z "$found" || test "$found" = "$last" || refuse
	fi
	last="$found"
done
printf 'ready for %s\n' "$goal"
