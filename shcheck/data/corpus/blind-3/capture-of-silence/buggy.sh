#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the tunnel unless it is running.
config=/etc/tunnel/office.conf
pid_file=/run/tunnel-office.pid

if [[ ! -r $config ]]; then
	echo "no settings: $config" >&2
	exit 1
fi

if [[ -n $(pgrep -f "tunnel --config $config" >/dev/null 2>&1) ]]; then  #@ constant-test
	echo "running already"
	exit 0
fi
tunnel --config "$config" &
echo "$!" >"$pid_file"
