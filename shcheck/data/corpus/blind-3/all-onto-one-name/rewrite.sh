#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Import the pictures of the card.
day="`date +%Y%m%d`"
album=~/Pictures/import-"$day"
! test -e "$album" || {
	echo "already imported today" >&2
	exit 1
}

set -- /media/card/DCIM/*.JPG
test -f "$1" || set --
total=$#
while [ $# -gt 0 ]; do
	mv -- "$1" "$album"  #@ data-loss
	shift
done
echo "$total pictures are in $album"
