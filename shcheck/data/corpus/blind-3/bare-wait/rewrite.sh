#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Render the three languages side by side and publish them.
new=/srv/site/new
test ! -e "$new" || rm -r -f "$new"
mkdir -p "$new" || exit 1

start() {
	render --language "$1" --to "$new/$1"
}

start de &
start en &
start fr &

if wait; then  #@ lost-status
	rsync -a --delete "$new/" www.example.org:/srv/www/
else
	echo "rendering failed" >&2
	exit 1
fi
