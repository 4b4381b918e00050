#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Warn when the disk is nearly full.
used=$(df -P /srv | awk 'NR == 2 { sub("%", "", $5); print $5 }')
if [ -n "$used" ] && [ "$used" -gt 90 ]; then
	echo "the disk is full to $used %" | mail -s disk root
fi
