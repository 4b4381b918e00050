#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Give a restored home folder back to its user.
user=${1:?usage: give-back USER}

home=$(getent passwd "$user" | cut -d: -f6)
if [ -z "$home" ] || [ ! -d "$home" ]; then
	echo "$user has no home folder" >&2
	exit 1
fi
group=$(id -gn "$user") || exit 1

cd "$home" || exit 1
chown -R "$user:$group" ./*
chown -R "$user:$group" .*  #@ glob
chmod 750 "$home"
