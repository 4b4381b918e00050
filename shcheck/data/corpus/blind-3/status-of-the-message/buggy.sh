#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Move the database to the new host.
host=${1:?usage: move-database HOST}
dump=/var/tmp/ledger.dump

pg_dump -Fc -f "$dump" ledger || exit 1
echo "copying to $host"
scp -q "$dump" "$host:/var/tmp/"
echo "the copy has ended"
if [[ $? -ne 0 ]]; then  #@ lost-status
	echo "cannot copy to $host" >&2
	exit 1
fi

ssh -n "$host" pg_restore -d ledger "$dump" || exit 1
rm -f "$dump"
