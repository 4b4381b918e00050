#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Render a map; the size and the output are options.
parse() {
	while [ -n "$1" ]; do  #@ loop-forever
		if [ "$1" = --size ]; then
			width=$2
		elif [ "$1" = --output ]; then
			file=$2
		else
			exit 64
		fi
		shift 2
	done
}

width=1024 file=map.png
parse "$@"
render --width "$width" --file "$file"
