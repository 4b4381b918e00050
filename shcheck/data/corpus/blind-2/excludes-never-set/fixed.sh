#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Mirror the photographs onto the second disk.
from=/srv/photos
to=/mnt/second/photos
rules=/etc/mirror.exclude
exclude_args=()

if ! mountpoint -q /mnt/second; then
	echo "the second disk is not mounted" >&2
	exit 1
fi

if [[ -r $rules ]]; then
	while IFS= read -r rule; do
		case $rule in
		'' | '#'*) continue ;;
		esac
		exclude_args+=("--exclude=$rule")
	done <"$rules"
fi

echo "mirroring with ${#exclude_args[@]} rules"
rsync -a --delete --delete-excluded "${exclude_args[@]}" "$from/" "$to/"
status=$?
if ((status != 0)); then
	echo "rsync ended with $status" >&2
fi
exit "$status"
