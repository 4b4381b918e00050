#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Restore the shop's database from last night's dump.
dump=/srv/dumps/shop.sql
database=shop

if [ ! -s "$dump" ]; then
	echo "there is no dump" >&2
	exit 1
fi
service shop stop || exit 1
mysqladmin --force drop "$database" || exit 1
mysqladmin create "$database" || exit 1
mysql "$database" >"$dump"  #@ data-loss
service shop start
