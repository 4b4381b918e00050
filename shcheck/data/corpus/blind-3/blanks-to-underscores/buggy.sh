#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Put underscores for the blanks in the names of scans.
folder=${1:?usage: underscores FOLDER}
cd -- "$folder" || exit 1

for name in *; do
	case $name in
	*' '*) ;;
	*) continue ;;
	esac
	new=$(printf '%s' "$name" | tr ' ' _)
	if [ -e "$new" ]; then
		echo "$new is there already" >&2
		continue
	fi
	mv -- $name "$new"  #@ word-split
done
