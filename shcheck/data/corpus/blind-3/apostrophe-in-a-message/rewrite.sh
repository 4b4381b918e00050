#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the list of members to the second server.
members=/srv/members/list

unreadable() {
	printf '%s\n' 'it can't be read: the list of members' >&2  #@ syntax
	exit 1
}
test -r "$members" || unreadable

copy() {
	scp -q "$members" second.example.org:/srv/members/list && return
	printf '%s\n' 'it wasn't copied: the list of members' >&2
	exit 1
}
copy
date > /srv/members/copied
