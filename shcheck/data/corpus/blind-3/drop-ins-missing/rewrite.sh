#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the collector with what its drop-ins set.
: "${PORT:=9100}" "${LEVEL:=info}"

include() {
	. "$1"  #@ glob
}

test ! -r /etc/collector/main.conf || . /etc/collector/main.conf
if test -d /etc/collector/conf.d; then
	set -- /etc/collector/conf.d/*.conf
	while test $# -gt 0; do
		include "$1"
		shift
	done
fi
echo "port $PORT, level $LEVEL"
exec collector --port "$PORT" --log-level "$LEVEL"
