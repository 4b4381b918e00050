#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# List the largest folders, the largest first.
largest() {
	sort -rn | head -n "$1"
}

cd /srv/data || exit 1
du -sk -- */ | largest 10
