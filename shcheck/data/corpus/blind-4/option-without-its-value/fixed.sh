#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Render a map; the size and the output are options.
size=1024
output=map.png
while (( $# > 0 )); do
	case $1 in
	--size)
		size=${2:?no size}
		shift 2 || exit 64
		;;
	--output)
		output=${2:?no output}
		shift 2 || exit 64
		;;
	*) exit 64 ;;
	esac
done
render --width "$size" --file "$output"
