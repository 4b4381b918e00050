#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
tries=0
while [ "$tries" -lt 30 ]; do
	echo "waiting ($tries)"
	tries=$((tries + 1))
done
echo "gave up"
