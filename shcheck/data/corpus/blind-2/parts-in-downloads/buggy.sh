#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove unfinished downloads that nobody has touched for a week.
folder=${1:-/srv/shared/downloads}
days=7

if [[ ! -d $folder ]]; then
	echo "no folder $folder" >&2
	exit 1
fi

old_parts() {
	find "$folder" -type f -name '*.part' -mtime "+$days"
}

stale=$(old_parts)
if [[ -z $stale ]]; then
	echo "nothing to remove"
	exit 0
fi
echo "removing:"
echo "$stale"
rm -f -- $stale  #@ word-split
