#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Generate the status pages from the notes.
notes=/srv/status/notes
out=/srv/status/public

render() {
	title=$(head -n 1 "$1")
	printf '<h1>%s</h1>\n' "$title"
	sed -e '1d' -e 's/^$/<p>/' "$1"
}

if [ ! -d "$notes" ]; then
	echo "no notes" >&2
	exit 1
fi

render_all() {
	for note in "$notes"/*.txt; do
		[ -f "$note" ] || continue
		render "$note"
	done
}

# Begin afresh, so that what is left of older versions goes.
rm -rf "$out"
mkdir -p "$out" || exit 1
render_all >"$out/index.html"
echo "generated"
