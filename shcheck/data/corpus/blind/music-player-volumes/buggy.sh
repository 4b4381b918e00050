#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove an older version from every volume.
for volume in /Volumes/*; do
	old=$volume/Applications/Player.app
	if [ -d "$old" ]; then
		rm -rf $old  #@ word-split
	fi
done
