#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the recordings that are older than a month, after a question.
declare -a aged
mapfile -d '' aged < <(find ~/Recordings -mtime +30 -type f -print0)

ask() {
	local reply
	printf 'remove these %d files? [y/N] ' "$1"
	read -r reply
	[ "$reply" = y ]
}

if [ "${#aged[*]}" -eq 0 ]; then
	echo "nothing is old"
	exit
fi
printf '%s\n' "${aged[@]}"
ask "${#aged[*]}" || exit 0
for ((n = 0; n < ${#aged[@]}; n++)); do
	rm -f -- ${aged[n]}  #@ word-split
done
