#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Back up the settings before an upgrade.
settings=/etc/gateway
backup=/var/backups/gateway
version=${1:?usage: upgrade VERSION}

if [ ! -d "$settings" ]; then
	echo "not installed" >&2
	exit 1
fi
mkdir -p "$backup" || exit 1
cp -a "$settings" "$backup" || exit 1
chmod 700 "$backup"
apt-get install -y "gateway=$version"
