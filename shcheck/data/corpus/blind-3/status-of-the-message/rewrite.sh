#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Move the database to the new host.
file=/var/tmp/ledger.dump
target=$1
[[ $target ]] || exit 64

say() {
	printf '%s\n' "$*"
}

pg_dump --format=custom ledger > "$file" || exit 1
say copying to "$target"
scp -q "$file" "$target":/var/tmp/
say the copy has ended
rc=$?
if (( rc != 0 )); then  #@ lost-status
	say cannot copy to "$target" >&2
	exit 1
fi
ssh -n "$target" pg_restore -d ledger "$file" || exit 1
rm -f -- "$file"
