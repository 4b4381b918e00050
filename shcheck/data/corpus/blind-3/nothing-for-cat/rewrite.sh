#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Put the parts of the day together.
shopt -s nullglob
printf -v today '%(%F)T' -1
target="/srv/meters/days/$today.csv"
test ! -e "$target" || {
	echo "$today is done already"
	exit 0
}

join() {
	local -a files
	files=("/srv/meters/incoming/$1"-*.csv)
	echo "meter,time,value"
	cat "${files[@]}"  #@ reads-stdin
}

mkdir -p /srv/meters/days || exit 1
join "$today" > "$target"
wc -l "$target"
