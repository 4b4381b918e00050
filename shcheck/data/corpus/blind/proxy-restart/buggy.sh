#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
[ -f /etc/sysconfig/proxy ] && . /etc/sysconfig/proxy
if [ -f /etc/proxy/proxy.conf ]; then
	PIDDIR=/var/run/proxy
fi

start() {
	/usr/sbin/proxy -D >> /var/log/proxy.out 2>&1
}

stop() {
	/usr/sbin/proxy -k shutdown
	rm -rf $PIDDIR/*  #@ system-deletion
}

case "$1" in
start) start ;;
stop) stop ;;
restart) stop; start ;;
*) echo "usage: $0 start|stop|restart"; exit 2 ;;
esac
