#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Stop the indexer and wait until it has gone.
name=indexer
pidfile=/run/indexer.pid

if [ ! -f "$pidfile" ]; then
	echo "not running"
	exit 0
fi
kill "$(cat "$pidfile")" || exit 1

while ps ax | grep "$name" >/dev/null; do  #@ loop-forever
	echo "waiting for $name"
	sleep 1
done
rm -f "$pidfile"
