#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Options.
verbose=0
out=/srv/out
while getopts vo: opt; do
	case $opt in
	v) verbose=1 ;;
	o) out=$OPTARG ;;
	f) force=1 ;; #@ dead-code
	*) exit 2 ;;
	esac
done
run "$verbose" "$out"
