#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
user=$1
home=$(getent passwd "$user" | cut -d: -f6)
if [ -z "$home" ] || [ "$home" = "/" ]; then
	echo "no home for $user" >&2
	exit 1
fi
userdel "$user"
rm -rf "$home/"
