#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the handbook into an empty folder.
settings=$1
: "${settings:=handbook.conf}"
test -f "$settings" || {
	echo "no settings: $settings" >&2
	exit 1
}
value() {
	sed -n "s/^$1=//p" "$settings"
}

heading=`value title`
place=`value outdir`
if cd "$place"; then
	rm -r -f -- ./*  #@ user-deletion
	echo "<h1>$heading</h1>" > index.html
	echo "built in `pwd`"
else
	exit 1
fi
