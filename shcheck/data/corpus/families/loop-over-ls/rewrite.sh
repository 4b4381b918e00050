#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove old archives.
list=$(find /srv/archive -mindepth 1 -maxdepth 1)
for f in $list; do #@ word-split
	rm -rf -- "$f"
done
