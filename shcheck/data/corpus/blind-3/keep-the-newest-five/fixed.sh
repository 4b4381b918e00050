#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Keep the newest five backups.
folder=/srv/backups
keep=5

cd "$folder" || exit 1
old=$(ls -t | tail -n "+$((keep + 1))")
if [[ -z $old ]]; then
	echo "nothing to remove"
	exit 0
fi

echo "removing:"
printf '%s\n' "$old"
while IFS= read -r name; do
	rm -f -- "$name"
done <<<"$old"
