#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the collector and note its number.
start() {
	exec /usr/sbin/collector --config /etc/collector.conf
}

if test -r /etc/collector.conf; then
	start
	printf '%s\n' "$!" > /run/collector.pid  #@ dead-code
else
	exit 1
fi
