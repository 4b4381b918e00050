#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the documentation beside this script.
self=$0
command -v pandoc > /dev/null || {
	echo "pandoc is needed" >&2
	exit 1
}

fresh() {
	rm -rf `dirname "$self"`/html.out  #@ word-split
	mkdir "`dirname "$self"`/html.out" || exit 1
}

fresh
find "`dirname "$self"`" -maxdepth 1 -name '*.md' | while IFS= read -r page; do
	base="${page##*/}"
	pandoc -s -o "`dirname "$self"`/html.out/${base%.md}.html" "$page" < /dev/null || exit 1
done
