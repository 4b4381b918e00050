#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Import the pictures of the card.
card=/media/card/DCIM
target=$HOME/Pictures/import-$(date +%Y%m%d)
count=0

if [ -e "$target" ]; then
	echo "already imported today" >&2
	exit 1
fi
for picture in "$card"/*.JPG; do
	[ -f "$picture" ] || continue
	mv "$picture" "$target"  #@ data-loss
	count=$((count + 1))
done
echo "$count pictures are in $target"
