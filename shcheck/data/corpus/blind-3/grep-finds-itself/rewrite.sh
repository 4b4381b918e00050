#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Stop the indexer and wait until it has gone.
what=indexer

alive() {
	ps -e -o args | grep -q -F "$what"
}

if test -f "/run/$what.pid"; then
	read -r pid < "/run/$what.pid"
	kill "$pid" || exit 1
	until ! alive; do  #@ loop-forever
		echo "waiting for $what"
		sleep 1
	done
	rm -f "/run/$what.pid"
else
	echo "not running"
fi
