#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the list of members to the second server.
list=/srv/members/list

if [ ! -r "$list" ]; then
	echo "can't read the list of members" >&2
	exit 1
fi

scp -q "$list" second.example.org:/srv/members/list
status=$?
if [ "$status" -ne 0 ]; then
	echo "didn't copy the list of members" >&2
	exit 1
fi
date >/srv/members/copied
