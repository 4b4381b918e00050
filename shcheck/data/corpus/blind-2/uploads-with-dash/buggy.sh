#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Archive what was uploaded during the day, then make room.
uploads=/srv/ftp/incoming
archive=/srv/archive/incoming-$(date +%Y%m%d).tar.gz

if [ -e "$archive" ]; then
	echo "$archive is there already" >&2
	exit 1
fi

cd "$uploads" || exit 1
count=$(find . -type f | wc -l)
if [ "$count" -eq 0 ]; then
	echo "nothing was uploaded"
	exit 0
fi

umask 077
tar -czf "$archive" *  #@ option-injection
if ! gzip -t "$archive"; then
	echo "the archive is damaged" >&2
	exit 1
fi
find . -type f -delete
echo "archived $count files"
