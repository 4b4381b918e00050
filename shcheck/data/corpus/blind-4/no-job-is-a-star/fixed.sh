#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Print the jobs that wait in the spool.
spool=/var/spool/labels
for job in "$spool"/*.job; do
	[ -f "$job" ] || continue
	lp -d labels "$job" || exit 1
	rm -f "$job"
done
