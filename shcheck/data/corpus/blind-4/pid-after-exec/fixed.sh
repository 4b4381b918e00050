#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the collector and note its number.
conf=/etc/collector.conf
[ -r "$conf" ] || exit 1
/usr/sbin/collector --config "$conf" &
echo $! >/run/collector.pid
