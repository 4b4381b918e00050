#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Count the errors in the logs of yesterday.
day=$(date -d yesterday +%Y%m%d) || exit 1
logs=$(find /var/log/portal -name "portal-$day*.log")
errors=$(grep -h -c ERROR $logs)  #@ reads-stdin
printf '%s\n' "$errors"
