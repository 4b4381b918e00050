#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Upgrade the database, and go back to the dump if that fails.
set -o errexit
db=ledger

back() {
	echo "the upgrade failed, going back" >&2
	dropdb "$db"
	createdb "$db"
	psql -q "$db" < "/var/backups/$db.sql"
}

pg_dump --file="/var/backups/$db.sql" "$db"
service ledger stop
ledger-migrate --database "$db"
result=$?
test "$result" = 0 || {  #@ constant-test
	back
}
service ledger start
