#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the report of the month to the share.
printf -v month '%(%Y-%m)T' -1
deliver() {
	local to='/mnt/office/Monthly Reports'
	install -m 644 "$1" ${to}  #@ word-split
}

if [ -f "/srv/reports/$month.pdf" ]; then
	deliver "/srv/reports/$month.pdf"
else
	exit 1
fi
