#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Give the uploads of the day to the web server.
who=www-data

hand_over() (
	cd "$1" || exit 1
	set -- *
	if test -e "$1"; then
		chown "$who":"$who" "$@"  #@ option-injection
		logger -t uploads "given to $who"
	fi
)

case "`id -u`" in
0) hand_over /srv/ftp/incoming ;;
*)
	echo "must be root" >&2
	exit 1
	;;
esac
