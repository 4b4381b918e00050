#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Give every scan in the inbox its number.
declare -i n=1000
if ! cd /srv/scans/inbox; then
	exit 1
fi
names=(`find . -maxdepth 1 -type f`)  #@ word-split
for s in "${names[@]}"; do
	mv -n -- "$s" ../numbered/"$n".pdf
	n+=1
done
