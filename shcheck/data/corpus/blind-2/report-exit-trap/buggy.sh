#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the monthly report out of the ticket export.
export_file=/srv/tickets/export.csv
month=
format=text

usage() {
	echo "usage: ${0##*/} -m YYYY-MM [-f text|html]" >&2
	exit 64
}

finish() {
	local status=$?
	rm -rf "$scratch"/*  #@ system-deletion
	rmdir -- "$scratch" 2>/dev/null
	exit "$status"
}
trap finish EXIT

while getopts m:f: opt; do
	case $opt in
	m) month=$OPTARG ;;
	f) format=$OPTARG ;;
	*) usage ;;
	esac
done
[[ $month =~ ^[0-9]{4}-[0-9]{2}$ ]] || usage
[[ $format == text || $format == html ]] || usage

scratch=$(mktemp -d) || exit 1
grep -- "^$month" "$export_file" | sort -t, -k2 >"$scratch/rows"
cut -d, -f3 "$scratch/rows" | sort | uniq -c | sort -rn >"$scratch/by-team"
if [[ $format == html ]]; then
	printf '<pre>\n'
	cat "$scratch/by-team"
	printf '</pre>\n'
else
	cat "$scratch/by-team"
fi
