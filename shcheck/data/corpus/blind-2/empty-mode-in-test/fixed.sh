#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Load the demonstration data, but never into the production database.
settings=/etc/shop/settings
mode=$(sed -n 's/^mode=//p' "$settings")
base=$(sed -n 's/^database=//p' "$settings")

if [ -z "$base" ]; then
	echo "no database in $settings" >&2
	exit 1
fi

load() {
	psql -q -d "$base" -f /usr/share/shop/schema.sql &&
		psql -q -d "$base" -f /usr/share/shop/demo.sql
}

if [ "$mode" = production ] || [ -z "$mode" ]; then
	echo "refusing to touch $base" >&2
	exit 1
fi
load || exit 1
echo "demonstration data is in $base"
