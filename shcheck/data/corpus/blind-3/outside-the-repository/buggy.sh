#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove what the build left behind.
top=$(git rev-parse --show-toplevel 2>/dev/null)
all=no

while getopts a opt; do
	case $opt in
	a) all=yes ;;
	*) exit 64 ;;
	esac
done

rm -rf "$top"/bin "$top"/lib  #@ system-deletion
if [[ $all == yes ]]; then
	git clean -fdx
fi
echo "clean"
