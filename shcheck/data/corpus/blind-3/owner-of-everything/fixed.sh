#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Give the data folder to the service after an installation.
set -e
settings=/etc/wiki/wiki.conf
service=wiki

if [ "$1" != configure ]; then
	exit 0
fi
if ! getent passwd "$service" >/dev/null; then
	adduser --system --group --no-create-home "$service"
fi
data=$(sed -n 's/^datadir *= *//p' "$settings")
if [ -n "$data" ] && [ -d "/var/lib/wiki/$data" ]; then
	chown -R "$service:$service" "/var/lib/wiki/$data/"
fi
chmod 640 "$settings"
