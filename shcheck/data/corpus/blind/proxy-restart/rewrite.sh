#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
unset PIDDIR
if test -f /etc/proxy/proxy.conf; then
	PIDDIR=/var/run/proxy
fi
if [ "$1" = stop ] || [ "$1" = restart ]; then
	/usr/sbin/proxy -k shutdown
	contents="$PIDDIR/*"
	rm -rf $contents  #@ system-deletion
fi
if [ "$1" != stop ]; then
	/usr/sbin/proxy -D
fi
