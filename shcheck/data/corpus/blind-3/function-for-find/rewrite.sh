#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Make small copies of all pictures below a folder.
declare -i width=800
make_small() {
	test -e "${1/%.jpg/.small.jpg}" || convert "$1" -resize "${width}x" "${1/%.jpg/.small.jpg}"
}

top=$1
[[ -n $top ]] || top=.
test -d "$top" || {
	echo "no such folder: $top" >&2
	exit 1
}
pictures() {
	find "$top" -name '*.jpg' -not -name '*.small.jpg' -print0
}
pictures | xargs -0 -r -n 1 make_small  #@ not-a-command
echo "done"
