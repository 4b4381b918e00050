#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Put the parts of the day together.
shopt -s nullglob
incoming=/srv/meters/incoming
day=$(date +%F)
out=/srv/meters/days/$day.csv

if [[ -e $out ]]; then
	echo "$day is done already"
	exit 0
fi
mkdir -p /srv/meters/days || exit 1
parts=("$incoming/$day"-*.csv)
if (( ${#parts[@]} == 0 )); then
	echo "nothing came in" >&2
	exit 1
fi
echo "meter,time,value" >"$out"
cat "${parts[@]}" >>"$out"
wc -l "$out"
