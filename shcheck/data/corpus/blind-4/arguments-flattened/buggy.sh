#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack the named files into the archive of today.
archive=/srv/outbox/$(date +%Y%m%d).tar.gz
if [ $# -eq 0 ]; then
	echo "usage: pack FILE..." >&2
	exit 64
fi
tar -czf "$archive" -- $*  #@ word-split
