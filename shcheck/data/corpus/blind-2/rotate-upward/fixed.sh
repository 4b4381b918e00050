#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Rotate the access log of the gateway and tell it to open a new one.
log=${1:-/var/log/gateway/access.log}
keep=5
pid_file=/run/gateway.pid

if [[ ! -s $log ]]; then
	echo "nothing to rotate" >&2
	exit 0
fi

rotate() {
	local base=$1 i
	for ((i = keep - 1; i >= 1; i--)); do
		if [[ -f $base.$i ]]; then
			mv -f "$base.$i" "$base.$((i + 1))"
		fi
	done
	mv -f "$base" "$base.1"
	: >"$base"
}

rotate "$log"
if [[ -r $pid_file ]]; then
	kill -USR1 "$(<"$pid_file")"
fi
