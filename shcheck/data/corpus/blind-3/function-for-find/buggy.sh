#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Make small copies of all pictures below a folder.
folder=${1:-.}
width=800

shrink_picture() {
	local small=${1%.jpg}.small.jpg
	[[ -e $small ]] && return 0
	convert "$1" -resize "${width}x" "$small"
}

if [[ ! -d $folder ]]; then
	echo "no such folder: $folder" >&2
	exit 1
fi
find "$folder" -name '*.jpg' ! -name '*.small.jpg' -exec shrink_picture {} \;  #@ not-a-command
echo "done"
