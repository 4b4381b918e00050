#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
tries=0
while [ "$tries" -lt 30 ]; do  #@ loop-forever
	echo "waiting ($tries)"
	tires=$((tries + 1))
done
echo "gave up"
