#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Put underscores for the blanks in the names of scans.
test $# -eq 1 || {
	echo "usage: underscores FOLDER" >&2
	exit 64
}
cd -- "$1" || exit 1

rename() {
	to="`echo "$2" | sed 's/ /_/g'`"
	if test -e "$to"; then
		echo "$to is there already" >&2
	else
		$1 $2 "$to"  #@ word-split
	fi
}

for scan in *' '*; do
	test -e "$scan" || continue
	rename 'mv --' "$scan"
done
