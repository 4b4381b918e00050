#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Wait for the database, but for a minute at most.
start() {
	exec /usr/bin/app
}

n=30
until [ "$n" -eq 0 ]; do  #@ loop-forever
	if pg_isready -q; then
		start
	fi
	sleep 2
	: $((n - 1))
done
echo 'there is no database' >&2
exit 1
