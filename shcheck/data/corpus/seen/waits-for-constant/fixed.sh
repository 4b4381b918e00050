#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
ready=no
while [ "$ready" = no ]; do
	sleep 1
	if [ -e /run/app/ready ]; then
		ready=yes
	fi
done
