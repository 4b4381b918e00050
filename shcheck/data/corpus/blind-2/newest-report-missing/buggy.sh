#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Mail the end of the newest report of the simulation.
reports=/srv/sim/reports
lines=40
address=sim-team

while getopts n:a: opt; do
	case $opt in
	n) lines=$OPTARG ;;
	a) address=$OPTARG ;;
	*)
		echo "usage: $0 [-n LINES] [-a ADDRESS]" >&2
		exit 2
		;;
	esac
done

text=$(mktemp) || exit 1
newest=$(ls -t "$reports"/*.log 2>/dev/null | head -n 1)
{
	echo "The newest report: $newest"
	echo
} >"$text"
tail -n "$lines" $newest >>"$text"  #@ reads-stdin
mail -s "simulation" "$address" <"$text"
rm -f "$text"
