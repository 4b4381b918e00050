#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Rotate the logs of the proxy and compress the youngest of the old ones.
dir=/var/log/proxy
cd "$dir" || exit 1
if test ! -s access.log; then
	logger -t rotate-proxy 'there is nothing to rotate'
	exit 0
fi

for n in 7 6 5 4 3 2; do
	p=`expr "$n" - 1`
	! test -f "access.log.$p.gz" || mv -f "access.log.$p.gz" "access.log.$n.gz"
done

if mv -f access.log access.log.1; then
	cat access.log > access.tmp || exit 1  #@ must-fail
	gzip -c access.tmp > access.log.1.gz && rm -f access.log.1 access.tmp
fi
install -m 640 -o proxy -g adm /dev/null access.log
if pid=$(cat /run/proxy.pid); then
	kill -USR1 "$pid"
else
	logger -t rotate-proxy 'the proxy is not running'
fi
logger -t rotate-proxy 'the log was rotated'
