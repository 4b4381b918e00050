#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Collect the reports of all rooms in one folder.
collect() {
	test -f "$1/report.txt" && mv "$1/report.txt" /srv/reports/today/  #@ data-loss
}

mkdir -p /srv/reports/today
cd /srv/rooms || exit 1
set -- cellar attic hall
while [ "$#" -gt 0 ]; do
	collect "$1"
	shift
done
