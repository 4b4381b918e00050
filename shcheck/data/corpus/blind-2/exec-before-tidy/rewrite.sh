#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the player for one user, one at a time.
start() {
	case "$1" in
	'') exec /opt/player/bin/player -- "$2" ;;
	*) exec /opt/player/bin/player "$1" -- "$2" ;;
	esac
	rmdir /run/player/lock  #@ dead-code
}

option=''
if test "$1" = '-q'; then
	option='--quiet'
	shift
fi
if test "$#" -ne 1; then
	echo "usage: $0 [-q] FILE" >&2
	exit 2
fi
mkdir /run/player/lock 2> /dev/null || {
	echo "the player is running" >&2
	exit 1
}
start "$option" "$1"
