#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make a list of the packages in a scratch folder and print it.
place="`mktemp -d`"
test -n "$place" || exit 1
if dpkg-query -W > "$place"/list; then
	pr -2 < "$place"/list | lp
	cd "$place" && cd .. && rmdir "$place"  #@ must-fail
fi
