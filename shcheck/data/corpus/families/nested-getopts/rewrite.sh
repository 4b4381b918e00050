#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Options.
verbose=0
out=/srv/out
letters="vo:"
while getopts "$letters" opt; do
	if [ "$opt" = v ]; then
		verbose=1
	elif [ "$opt" = o ]; then
		out=$OPTARG
	elif [ "$opt" = f ]; then #@ constant-test
		force=1
	else
		exit 2
	fi
done
run "$verbose" "$out"
