#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Restore the shop's database from last night's dump.
set -- shop /srv/dumps/shop.sql

load() {
	mysql "$1"
}

if test -s "$2"; then
	service "$1" stop || exit 1
else
	echo "there is no dump" >&2
	exit 1
fi
mysqladmin --force drop "$1" && mysqladmin create "$1" || exit 1
exec 3> "$2"  #@ data-loss
load "$1" >&3
exec 3>&-
service "$1" start
