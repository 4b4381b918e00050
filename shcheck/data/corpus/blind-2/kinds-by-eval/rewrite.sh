#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Clean the folders of the renderer: cache, logs, temporary files.
cache_at=/var/cache
log_at=/var/log
temp_at=/var/tmp

pgrep -x renderer > /dev/null && {
	echo "the renderer is running" >&2
	exit 1
}

set -- cache log tmp
while test "$#" -ne 0; do
	case "$1" in
	cache) place="$cache_at/renderer" ;;
	log) place="$log_at/renderer" ;;
	*) eval 'place=${'"$1"'_at:+$'"$1"'_at/renderer}' ;;
	esac
	echo "cleaning $1"
	for found in "$place"/*; do
		rm -r -f "$found"  #@ system-deletion
	done
	shift
done
echo "clean"
