#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
log=/var/log/app.log
if [ -f "$log" ]; then
	[ ! -f "$log.1" ] || mv "$log.1" "$log.2"
	mv "$log" "$log.1"
fi
