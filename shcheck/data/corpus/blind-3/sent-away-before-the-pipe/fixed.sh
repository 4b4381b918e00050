#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build, and refuse a build with warnings.
log=build.log
limit=0

if [ ! -f Makefile ]; then
	echo "no Makefile here" >&2
	exit 64
fi
warnings=$(make -B all 2>&1 | tee "$log" | grep -c 'warning:')
echo "$warnings warnings"
if [ "$warnings" -gt "$limit" ]; then
	echo "see $log" >&2
	exit 1
fi
