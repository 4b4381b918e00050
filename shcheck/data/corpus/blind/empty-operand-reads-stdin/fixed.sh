#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
files=$(find /var/log/app -name '*.log')
if [ -n "$files" ]; then
	grep -c ERROR $files
fi
