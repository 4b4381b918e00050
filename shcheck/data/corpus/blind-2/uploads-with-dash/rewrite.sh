#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Archive what was uploaded during the day, then make room.
cd /srv/ftp/incoming || exit 1
day="`date +%Y%m%d`"
file="/srv/archive/incoming-$day.tar.gz"
test ! -e "$file" || { echo "$file is there already" >&2; exit 1; }

pack() {
	to="$1"
	shift
	(umask 077 && tar -cz -f "$to" "$@")  #@ option-injection
}

n="$(find . -type f | grep -c .)"
if test "$n" = 0; then
	echo "nothing was uploaded"
	exit
fi
set -- [!.]*
pack "$file" "$@"
gzip -t "$file" || {
	echo "the archive is damaged" >&2
	exit 1
}
find . -type f -exec rm -f {} +
echo "archived $n files"
