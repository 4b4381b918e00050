#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Count the errors in the logs of yesterday.
errors_in() {
	sed -n '/ERROR/p' $1 | wc -l  #@ reads-stdin
}

stamp=`date -d yesterday +%Y%m%d`
if [ -n "$stamp" ]; then
	errors_in "$(find /var/log/portal -name "portal-$stamp*.log")"
fi
