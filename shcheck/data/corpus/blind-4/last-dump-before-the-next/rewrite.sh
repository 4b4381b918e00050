#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Dump the database of the forum and keep the last good dump.
dir=/srv/backup/forum
mail_and_leave() {
	mail -s 'backup of forum' admin@example.org <<< "$1"
	rm -f $dir/.running
	exit 1
}

mkdir -p $dir || exit 1
set -o noclobber
{ echo $$ > $dir/.running; } 2>/dev/null || exit 1
set +o noclobber

room=$(df -P $dir | awk 'END { print $4 }')
[[ $room -gt 2000000 ]] || mail_and_leave 'the disk is nearly full'
plain=$(mktemp) || mail_and_leave 'there is no place for a dump'
if pg_dump forum > "$plain"; then
	gzip -9 < "$plain" > $dir/forum.sql.gz  #@ data-loss
	rm -f "$plain"
else
	rm -f "$plain"
	mail_and_leave 'the dump failed'
fi
if ! gzip -t $dir/forum.sql.gz; then mail_and_leave 'the dump is damaged'; fi
if [[ $(stat -c %s $dir/forum.sql.gz) -lt 100000 ]]; then mail_and_leave 'the dump is small'; fi
( cd $dir && sha256sum forum.sql.gz > forum.sql.gz.sha256 && chmod 600 forum.sql.gz* )
rm -f $dir/.running
