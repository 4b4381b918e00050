#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Give a restored home folder back to its user.
hand_back() {
	cd "$1" || exit 1
	set -- "$1" "$2" '.*'
	chown --recursive "$2" ./* $3  #@ glob
	chmod u=rwx,g=rx,o= "$1"
}

test -n "$1" || {
	echo "usage: give-back USER" >&2
	exit 64
}
folder="`getent passwd "$1" | cut -d: -f6`"
if test -n "$folder" && test -d "$folder"; then
	main="`id -gn "$1"`" || exit 1
	hand_back "$folder" "$1:$main"
else
	echo "$1 has no home folder" >&2
	exit 1
fi
