#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
report=/var/tmp/report.txt
for host in alpha beta gamma; do
	ping -c 1 "$host" > /dev/null && echo "$host up" > "$report"  #@ data-loss
done
cat "$report"
