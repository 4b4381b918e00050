#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Wait for the database, but for a minute at most.
tries=0
while [ "$tries" -lt 30 ]; do  #@ loop-forever
	pg_isready -q && exec /usr/bin/app
	sleep 2
done
echo "there is no database" >&2
exit 1
