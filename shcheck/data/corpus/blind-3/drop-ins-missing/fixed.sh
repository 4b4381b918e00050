#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the collector with what its drop-ins set.
PORT=9100
LEVEL=info
conf=/etc/collector

if [ -r "$conf/main.conf" ]; then
	. "$conf/main.conf"
fi
if [ -d "$conf/conf.d" ]; then
	for part in "$conf"/conf.d/*.conf; do
		[ -r "$part" ] || continue
		. "$part"
	done
fi

echo "port $PORT, level $LEVEL"
exec collector --port "$PORT" --log-level "$LEVEL"
