#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the player for one user, one at a time.
lock=/run/player/lock
program=/opt/player/bin/player

usage() {
	echo "usage: $0 [-q] FILE" >&2
	exit 2
}

quiet=
if [ "$1" = -q ]; then
	quiet=--quiet
	shift
fi
[ $# -eq 1 ] || usage

if ! mkdir "$lock" 2>/dev/null; then
	echo "the player is running" >&2
	exit 1
fi
"$program" ${quiet:+"$quiet"} -- "$1"
status=$?
rmdir "$lock"
exit "$status"
