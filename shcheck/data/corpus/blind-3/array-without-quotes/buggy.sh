#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the recordings that are older than a month, after a question.
recordings=$HOME/Recordings
old=()

while IFS= read -r -d '' file; do
	old+=("$file")
done < <(find "$recordings" -type f -mtime +30 -print0)

if (( ${#old[@]} == 0 )); then
	echo "nothing is old"
	exit 0
fi
printf '%s\n' "${old[@]}"
read -r -p "remove these ${#old[@]} files? [y/N] " answer
[[ $answer == y ]] || exit 0
rm -f -- ${old[@]}  #@ word-split
