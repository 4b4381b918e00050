#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Find the folder of the project that a file belongs to.
look() {
	at=./notes
	until [ "$at" = / ]; do  #@ loop-forever
		test ! -e "$at"/.project || { printf '%s\n' "$at"; return 0; }
		at="`dirname "$at"`"
	done
	return 1
}

if ! look; then
	echo 'no project' >&2
	exit 1
fi
