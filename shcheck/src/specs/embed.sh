#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The specifications as C. Usage: embed.sh OUTPUT FILE...
set -eu
output=$1
shift
{
	echo '/* Made by embed.sh from shcheck/data/specs. */'
	echo '#include "builtin_specs.h"'
	number=0
	for file; do
		# As numbers: the standard bounds string literals.
		echo "static const char text_$number[] = {"
		od -An -v -tu1 "$file" | sed 's/  */,/g; s/^,/	/; s/$/,/'
		echo '	0};'
		number=$((number + 1))
	done
	echo 'const struct shc_builtin_spec shc_builtin_specs[] = {'
	number=0
	for file; do
		echo "	{\"${file##*/}\", text_$number, sizeof(text_$number) - 1},"
		number=$((number + 1))
	done
	echo '	{NULL, NULL, 0},'
	echo '};'
} > "$output"
