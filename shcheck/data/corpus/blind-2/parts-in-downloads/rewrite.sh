#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove unfinished downloads that nobody has touched for a week.
top="$1"
if [ -z "$top" ]; then
	top=/srv/shared/downloads
fi
test -d "$top" || {
	echo "no folder $top" >&2
	exit 1
}

unfinished=`find "$top" -name '*.part' -mtime +7 -type f`
case "$unfinished" in
"")
	echo "nothing to remove"
	;;
*)
	printf 'removing:\n%s\n' "$unfinished"
	rm -f -- ${unfinished}  #@ word-split
	;;
esac
