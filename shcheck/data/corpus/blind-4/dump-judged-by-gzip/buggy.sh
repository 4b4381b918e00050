#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Dump the database and remove the older dumps when that has succeeded.
out=/srv/dumps/wiki-$(date +%F).sql.gz
if mysqldump wiki | gzip >"$out"; then  #@ lost-status
	find /srv/dumps -name 'wiki-*.sql.gz' ! -newer "$out" ! -path "$out" -delete
else
	rm -f "$out"
	echo "the dump has failed" >&2
	exit 1
fi
