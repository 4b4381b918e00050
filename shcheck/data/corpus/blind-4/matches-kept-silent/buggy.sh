#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Count the failed logins of the day and block the port when they are many.
log=/var/log/auth.log
failed=$(grep -q 'Failed password' "$log" | wc -l)  #@ empty-pipe
if [ "$failed" -gt 100 ]; then
	nft add rule inet filter input tcp dport 22 drop
fi
