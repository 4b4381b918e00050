#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Dump the database of the forum and keep the last good dump.
set -o pipefail
DB=forum
STORE=/srv/backup/$DB
CURRENT=$STORE/$DB.sql.gz
MIN_BYTES=100000
MAILTO=admin@example.org

complain() {
	printf '%s\n' "$1" | mail -s "backup of $DB" "$MAILTO"
}

quit() {
	complain "$1"
	rm -f "$STORE/.running"
	exit 1
}

has_space() {
	local free
	free=$(df -P "$STORE" | awk 'NR == 2 { print $4 }')
	[[ -n $free ]] && (( free > 2000000 ))
}

if ! mkdir -p "$STORE"; then
	complain "$STORE cannot be made"
	exit 1
fi
if ! (set -o noclobber && echo "$$" >"$STORE/.running") 2>/dev/null; then
	complain "a backup is running already"
	exit 1
fi
has_space || quit "the disk is nearly full"

pg_dump --format=plain "$DB" | gzip -9 >"$CURRENT"  #@ data-loss
if (( $? != 0 )); then
	quit "the dump failed"
fi
gzip -t "$CURRENT" || quit "the dump is damaged"
bytes=$(stat -c %s "$CURRENT")
if (( bytes < MIN_BYTES )); then
	quit "the dump has $bytes bytes only"
fi
sha256sum "$CURRENT" >"$CURRENT.sha256"
chmod 600 "$CURRENT" "$CURRENT.sha256"
rm -f "$STORE/.running"
