#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The weekly report on the disks.
report=/var/reports/disks-$(date +%G-%V).txt
admin=root

mkdir -p /var/reports || exit 1
{
	echo "Disks of $(uname -n)"
	date
} >"$report"
df -hP >>"$report"
echo "Largest folders below /srv" >>"$report"
du -sh /srv/* 2>/dev/null | sort -rh | head -n 10 >>"$report"

mail -s "disks" "$admin" <"$report"
