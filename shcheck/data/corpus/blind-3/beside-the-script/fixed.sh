#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the documentation beside this script.
here=$(dirname "$0")
tool=$(command -v pandoc) || {
	echo "pandoc is needed" >&2
	exit 1
}

rm -rf "$here/html.out"
mkdir "$here/html.out" || exit 1
for page in "$here"/*.md; do
	[ -f "$page" ] || continue
	name=$(basename "$page" .md)
	"$tool" -s -o "$here/html.out/$name.html" "$page" || exit 1
done
