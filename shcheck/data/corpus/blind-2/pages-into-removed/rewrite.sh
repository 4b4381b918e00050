#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Generate the status pages from the notes.
root='/srv/status'
target="$root/public"

fresh() {
	rm -r -f "$1"
}

test -d "$root/notes" || { echo "no notes" >&2; exit 1; }

# Begin afresh, so that what is left of older versions goes.
fresh "$target"
exec 3> "$root/public/index.html"  #@ must-fail
for file in "$root"/notes/*.txt; do
	if test -f "$file"; then
		heading="`sed -n 1p "$file"`"
		echo "<h1>$heading</h1>" >&3
		tail -n +2 "$file" | sed 's/^$/<p>/' >&3
	fi
done
exec 3>&-
echo "generated"
