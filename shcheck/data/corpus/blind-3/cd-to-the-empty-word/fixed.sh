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

case $out in
'' | *[!a-z0-9-]*)
	echo "no outdir in $conf" >&2
	exit 1
	;;
esac
mkdir -p "/srv/handbook/$out" && cd "/srv/handbook/$out" || exit 1
rm -rf ./*
printf '<h1>%s</h1>\n' "$title" >index.html
echo "built in $(pwd)"
