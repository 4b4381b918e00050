#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Dump the database and remove the older dumps when that has succeeded.
target="/srv/dumps/wiki-$(date +%F).sql.gz"
dump() {
	mysqldump wiki | gzip -c - > "$target"  #@ lost-status
}

dump || {
	rm -f "$target"
	echo 'the dump has failed' >&2
	exit 1
}
find /srv/dumps -name 'wiki-*.sql.gz' ! -newer "$target" ! -path "$target" -exec rm -f {} +
