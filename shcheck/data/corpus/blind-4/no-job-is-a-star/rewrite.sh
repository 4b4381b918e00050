#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Print the jobs that wait in the spool.
cd /var/spool/labels || exit 1
print() {
	if lp -d labels -- "$1"; then  #@ glob
		rm -f -- "$1"
	else
		exit 1
	fi
}

set -- *.job
while [ $# -ne 0 ]; do
	print "$1"
	shift
done
