#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Verify the archives against their lists of check sums.
archive=${1:-/srv/archive}
damaged=0

if [ ! -d "$archive" ]; then
	echo "no folder $archive" >&2
	exit 2
fi

verify() {
	(cd "$(dirname "$1")" && sha256sum --quiet -c "$(basename "$1")") >/dev/null 2>&1
}

lists=$(mktemp) || exit 2
find "$archive" -name '*.sha256' >"$lists"
while IFS= read -r list; do
	if ! verify "$list"; then
		echo "damaged: $list"
		damaged=$((damaged + 1))
	fi
done <"$lists"
rm -f "$lists"

if [ "$damaged" -gt 0 ]; then
	echo "$damaged archives are damaged" >&2
	exit 1
fi
echo "all archives are good"
