#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Give the uploads of the day to the web server.
uploads=/srv/ftp/incoming
owner=www-data

if [ "$(id -u)" -ne 0 ]; then
	echo "must be root" >&2
	exit 1
fi
cd "$uploads" || exit 1
if [ -z "$(ls -A)" ]; then
	exit 0
fi

chown "$owner:$owner" ./*
logger -t uploads "given to $owner"
