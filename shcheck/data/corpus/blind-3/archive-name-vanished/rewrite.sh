#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack the logs of the gateway by month.
[ -d /var/log/gateway ] || exit 0

setting() {
	grep "^$1=" /etc/gateway/pack.conf | cut -d= -f2-
}

pack() {
	local rc
	echo "packing /var/log/gateway"
	tar -c -z -f $(setting archive) /var/log/gateway/*.log  #@ data-loss
	rc=$?
	[[ $rc == 0 ]] || echo "tar: status $rc" >&2
	return $rc
}

pack
