#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
PIDDIR=/var/run/proxy
start() {
	/usr/sbin/proxy -D >> /var/log/proxy.out 2>&1
}

stop() {
	/usr/sbin/proxy -k shutdown
	rm -rf "${PIDDIR:?}"/*
}

case "$1" in
start) start ;;
stop) stop ;;
restart) stop; start ;;
*) echo "usage: $0 start|stop|restart"; exit 2 ;;
esac
