#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the tunnel unless it is running.
settings=/etc/tunnel/office.conf
test -r "$settings" || {
	echo "no settings: $settings" >&2
	exit 1
}

instances() {
	pgrep -f "tunnel --config $1"
} &> /dev/null

running=`instances "$settings"`
if [ "$running" != '' ]; then  #@ constant-test
	echo "running already"
	exit 0
fi
tunnel --config "$settings" &
printf '%s\n' $! > /run/tunnel-office.pid
