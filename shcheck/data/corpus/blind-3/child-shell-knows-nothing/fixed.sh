#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Restart the mailer with an empty spool.
spool=/var/spool/pigeon
user=pigeon

if [ "$(id -u)" -ne 0 ]; then
	echo "must be root" >&2
	exit 1
fi

service pigeon stop || exit 1
if [ -d "$spool" ]; then
	setpriv --reuid "$user" sh -c 'true' || exit 1
	sh -c 'umask 027; rm -rf "${1:?}"/*' sh "$spool"
fi
service pigeon start
