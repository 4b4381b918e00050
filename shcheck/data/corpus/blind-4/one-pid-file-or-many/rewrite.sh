#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Tell whether a worker is running.
running() {
	test -e /run/workers/*.pid  #@ glob
}

running && { echo 'a worker is running'; exit; }
echo 'no worker is running; the queue is emptied'
redis-cli del queue
