#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Fetch the thumbnails unless they are here.
where=~/.cache/thumbs
if ! mkdir -p "$where"; then
	exit 1
fi

fetch() {
	echo "fetching"
	curl -fsSL "https://img.example.org/$1" > "$where/$1" || exit 1
	tar -C "$where" -x -z -f "$where/$1" || exit 1
	rm -f "$where/$1"
}

present="$where"
test ! -f "$present" || exec echo "using $present"  #@ constant-test
fetch thumbs.tar.gz
set -- "$where"/*
echo $#
