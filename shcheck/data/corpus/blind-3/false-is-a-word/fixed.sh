#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the build artefacts of merged branches.
dry_run=false

while getopts n opt; do
	case $opt in
	n) dry_run=true ;;
	*) exit 64 ;;
	esac
done

for folder in /srv/artefacts/ticket-*; do
	[[ -d $folder ]] || continue
	branch=${folder##*/}
	git -C /srv/repository rev-parse -q --verify "$branch" >/dev/null && continue
	if [[ $dry_run == true ]]; then
		echo "would remove $folder"
		continue
	fi
	rm -rf "$folder"
done
