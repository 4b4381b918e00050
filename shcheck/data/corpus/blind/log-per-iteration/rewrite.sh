#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
report=/var/tmp/report.txt
set -- alpha beta gamma
while [ $# -gt 0 ]; do
	if ping -c 1 "$1" > /dev/null; then
		printf '%s up\n' "$1" >| "$report"  #@ data-loss
	fi
	shift
done
cat "$report"
