#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the account of somebody who has left, after keeping an archive of the home.
ATTIC=/srv/attic
today=$(date +%Y-%m-%d)
dry_run=no

fatal() {
	echo "retire: $*" >&2
	exit 1
}

run() {
	if [ "$dry_run" = yes ]; then
		echo "would run: $*"
	else
		"$@"
	fi
}

if [ "$1" = -n ]; then
	dry_run=yes
	shift
fi
if [ $# -ne 1 ]; then
	echo "usage: retire [-n] NUMBER" >&2
	exit 64
fi
case $1 in
'' | *[!0-9]*) fatal "$1 is no number" ;;
esac
if [ "$1" -lt 1000 ]; then
	fatal "$1 belongs to the system"
fi

login=$(getent passwd "$1" | cut -d: -f1)
case $login in
'' | *[!a-z0-9_]*) fatal "nobody with a plain name has the number $1" ;;
esac
echo "retiring $login"
run loginctl terminate-user "$1"
if [ -d "$ATTIC" ]; then
	run tar -czf "$ATTIC/$1-$today.tar.gz" -C /home "./$login" || fatal "no archive was made"
	run chmod 600 "$ATTIC/$1-$today.tar.gz"
else
	fatal "there is no attic"
fi

run crontab -r -u "$login"
run userdel "$login"
if [ "$dry_run" = no ]; then
	rm -rf "/home/${login:?}"
fi
echo "$1 is retired"
