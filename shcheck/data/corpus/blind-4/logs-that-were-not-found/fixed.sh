#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Count the errors in the logs of yesterday.
day=$(date -d yesterday +%Y%m%d) || exit 1
find /var/log/portal -name "portal-$day*.log" -exec grep -h -c ERROR {} +
