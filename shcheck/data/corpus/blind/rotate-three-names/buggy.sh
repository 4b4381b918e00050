#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
log=/var/log/app.log
if [ -f "$log" ]; then
	touch "$log.2"
	mv "$log" "$log.1" "$log.2"  #@ must-fail
fi
