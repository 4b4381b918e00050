#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Move the tables to the new server and drop them on the old one.
set -euo pipefail
tables=(orders invoices)

migrate() {
	local table=$1
	mysqldump -h old shop "$table" >"/var/tmp/$table.sql"
	mysql -h new shop <"/var/tmp/$table.sql"
	mysql -h old -e "DROP TABLE $table" shop
}

for table in "${tables[@]}"; do
	migrate "$table"
	echo "$table has moved"
done
