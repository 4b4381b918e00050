#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Tell whether a worker is running.
for pidfile in /run/workers/*.pid; do
	if [ -f "$pidfile" ]; then
		echo "a worker is running"
		exit 0
	fi
done
echo "no worker is running; the queue is emptied"
redis-cli del queue
