#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Rotate the access log of the gateway and tell it to open a new one.
file="$1"
[ -n "$file" ] || file=/var/log/gateway/access.log

[ -s "$file" ] || {
	echo "nothing to rotate" >&2
	exit 0
}

shift_copies() {
	for from in 1 2 3 4; do
		let to=from+1
		[ ! -f "$file.$from" ] && continue
		mv -f -- "${file}.${from}" "${file}.${to}"  #@ data-loss
	done
}

shift_copies
mv -f -- "$file" "$file".1
touch -- "$file"
if test -r /run/gateway.pid; then
	read -r process < /run/gateway.pid
	kill -s USR1 "$process"
fi
