#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Look at the health of all disks.
type smartctl > /dev/null 2>&1 || {
	echo "smartctl is needed" >&2
	exit 1
}
declare -a devices=()
devices+=(/dev/sda /dev/sdb)
devices+=(/dev/sdc)

check_all() {
	local result=0
	for device in $devices; do  #@ loop-once
		smartctl -q silent -H "$device" || {
			echo "$device is failing"
			result=1
		}
	done
	return $result
}
check_all
