#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Print the jobs that wait in the spool.
spool=/var/spool/labels
for job in "$spool"/*.job; do
	lp -d labels "$job" || exit 1  #@ glob
	rm -f "$job"
done
