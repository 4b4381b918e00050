#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Look at the health of all disks.
disks=(/dev/sda /dev/sdb /dev/sdc)
bad=0

if ! command -v smartctl >/dev/null; then
	echo "smartctl is needed" >&2
	exit 1
fi

for disk in "${disks[@]}"; do
	if ! smartctl -q silent -H "$disk"; then
		echo "$disk is failing"
		bad=$((bad + 1))
	fi
done
exit "$((bad > 0))"
