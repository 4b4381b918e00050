#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove old objects from the build cache every night.
DAYS=14
CONF=/etc/buildcache.conf
STAMP=/var/lib/buildcache/last-sweep

message() {
	echo "buildcache: $*"
}

setting() {
	[ -r "$CONF" ] || return 0
	sed -n "s/^$1 *= *//p" "$CONF" | tail -n 1
}

free_space() {
	df -P /var | awk 'NR == 2 { print $4 }'
}

quiet=no
while [ $# -gt 0 ]; do
	case $1 in
	--quiet) quiet=yes ;;
	--days=*) DAYS=${1#--days=} ;;
	*)
		message "unknown option $1" >&2
		exit 64
		;;
	esac
	shift
done
case $DAYS in
'' | *[!0-9]*)
	message "the number of days is wrong" >&2
	exit 64
	;;
esac

cache=$(setting directory)
before=$(free_space)
case $cache in
/var/cache/build*/..*) exit 1 ;;
/var/cache/build*) find "$cache" -type f -mtime "+$DAYS" -delete ;;
*)
	message "the folder of the cache is wrong: '$cache'" >&2
	exit 1
	;;
esac
after=$(free_space)
if [ "$quiet" = no ]; then
	message "free before: $before KiB, after: $after KiB"
fi
mkdir -p "${STAMP%/*}" && date >"$STAMP"
