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
echo "meter,time,value" >"$out"
cat "$incoming/$day"-*.csv >>"$out"  #@ reads-stdin
wc -l "$out"
