#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Rotate the logs of the proxy and compress the youngest of the old ones.
set -u
log=/var/log/proxy/access.log
pidfile=/run/proxy.pid
generations=7
owner=proxy:adm

tell() {
	logger -t rotate-proxy -- "$1"
	if [ -t 2 ]; then
		echo "$1" >&2
	fi
}

older() {
	number=$1
	while [ "$number" -gt 1 ]; do
		previous=$((number - 1))
		if [ -f "$log.$previous.gz" ]; then
			mv -f "$log.$previous.gz" "$log.$number.gz"
		fi
		number=$previous
	done
}

signal_proxy() {
	if [ -r "$pidfile" ]; then
		read -r pid <"$pidfile"
		kill -USR1 "$pid"
	else
		tell "the proxy is not running"
	fi
}

if [ ! -s "$log" ]; then
	tell "there is nothing to rotate"
	exit 0
fi
older "$generations"
mv -f "$log" "$log.1" || exit 1
gzip -f "$log.1" || exit 1
install -m 640 -o "${owner%:*}" -g "${owner#*:}" /dev/null "$log"
signal_proxy
tell "the log was rotated"
