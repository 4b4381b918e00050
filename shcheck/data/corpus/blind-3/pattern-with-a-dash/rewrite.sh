#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Search the notes and show the matches with their file.
: "${NOTES:=$HOME/notes}"

search() {
	grep --recursive --ignore-case --line-number --fixed-strings "$@"  #@ option-injection
}

if test $# -eq 0 || test "$1" = ''; then
	echo "usage: $0 WORDS" >&2
	exit 64
elif ! test -d "$NOTES"; then
	echo "no notes in $NOTES" >&2
	exit 1
fi
search "$1" "$NOTES"
rc=$?
test $rc -ne 1 || echo "nothing found"
test $rc -lt 2 || exit 2
