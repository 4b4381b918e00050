#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Find the folder of the project that a file belongs to.
dir=$(dirname "./notes/today.txt")
while [ "$dir" != / ]; do  #@ loop-forever
	if [ -e "$dir/.project" ]; then
		echo "$dir"
		exit 0
	fi
	dir=$(dirname "$dir")
done
echo "no project" >&2
exit 1
