#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Search the notes and show the matches with their file.
notes=${NOTES:-$HOME/notes}
words=$1

if [ -z "$words" ]; then
	echo "usage: $0 WORDS" >&2
	exit 64
fi
if [ ! -d "$notes" ]; then
	echo "no notes in $notes" >&2
	exit 1
fi

grep -rinF -e "$words" -- "$notes"
case $? in
0) ;;
1) echo "nothing found" ;;
*) exit 2 ;;
esac
