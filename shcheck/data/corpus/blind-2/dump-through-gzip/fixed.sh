#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Dump the shop's database; keep the last good dump only.
folder=/srv/dumps
today=$folder/shop-$(date +%Y%m%d).sql.gz
last=$folder/last

if [ ! -d "$folder" ]; then
	mkdir -p "$folder" || exit 1
fi

plain=$folder/shop.sql
if ! mysqldump --single-transaction shop >"$plain"; then
	echo "the dump failed" >&2
	rm -f "$plain"
	exit 1
fi
if ! gzip -9 <"$plain" >"$today"; then
	echo "cannot compress the dump" >&2
	rm -f "$today"
	exit 1
fi
rm -f "$plain"

old=$(readlink "$last")
ln -sfn "$today" "$last"
if [ -n "$old" ] && [ "$old" != "$today" ]; then
	rm -f "$old"
fi
