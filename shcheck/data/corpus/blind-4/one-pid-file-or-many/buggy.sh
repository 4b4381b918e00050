#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Tell whether a worker is running.
if [ -f /run/workers/*.pid ]; then  #@ glob
	echo "a worker is running"
	exit 0
fi
echo "no worker is running; the queue is emptied"
redis-cli del queue
