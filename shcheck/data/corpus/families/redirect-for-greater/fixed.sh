#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# More than ten jobs are too many.
jobs=$(ls /srv/jobs | wc -l)
if [ "$jobs" -gt 10 ]; then
	exit 1
fi
run-job
