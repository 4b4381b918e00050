#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the handbook into an empty folder.
conf=${1:-handbook.conf}

if [ ! -f "$conf" ]; then
	echo "no settings: $conf" >&2
	exit 1
fi
out=$(sed -n 's/^outdir=//p' "$conf")
title=$(sed -n 's/^title=//p' "$conf")

cd "$out" || exit 1
rm -rf ./*  #@ user-deletion
printf '<h1>%s</h1>\n' "$title" >index.html
echo "built in $(pwd)"
