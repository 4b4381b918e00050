#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
for volume in /Volumes/*; do
	old=$volume/Applications/Player.app
	if [ -d "$old" ]; then
		rm -rf "$old"
	fi
done
