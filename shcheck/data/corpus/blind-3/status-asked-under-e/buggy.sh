#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Upgrade the database, and go back to the dump if that fails.
set -e
database=ledger
dump=/var/backups/ledger.sql

pg_dump "$database" >"$dump"
service ledger stop

ledger-migrate --database "$database"
if [ $? -ne 0 ]; then  #@ constant-test
	echo "the upgrade failed, going back" >&2
	dropdb "$database"
	createdb "$database"
	psql -q "$database" <"$dump"
fi
service ledger start
