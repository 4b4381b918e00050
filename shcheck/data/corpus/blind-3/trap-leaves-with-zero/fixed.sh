#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Compare the installed files with the list of the package.
list=${1:?usage: check-files LIST}

work=$(mktemp) || exit 2
trap 'rm -f "$work"' 0
trap 'exit 2' 1 2 15

cut -d' ' -f3- "$list" | sort >"$work" || exit 2
missing=0
while IFS= read -r file; do
	if [ ! -e "$file" ]; then
		echo "missing: $file"
		missing=1
	fi
done <"$work"
exit "$missing"
