#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Back up the settings before an upgrade.
save() {
	mkdir -p "$2" || exit 1
	cp --preserve=mode,ownership -- "$1" "$2/${1##*/}.old"  #@ must-fail
	chmod 700 "$2"
}

wanted=$1
test -n "$wanted" || exit 64
if test -d /etc/gateway; then
	save /etc/gateway /var/backups/gateway
	apt-get install -y gateway="$wanted"
else
	echo "not installed" >&2
	exit 1
fi
