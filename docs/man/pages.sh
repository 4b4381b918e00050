#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# pages.sh HOTBED SCDOC FOLDER STAMP PAGE.scd... - make every man page: one per subcommand of the program HOTBED, from its
# option tables, and those written by hand.
set -eu

hotbed=$1
scdoc=$2
folder=$3
stamp=$4
shift 4

rm -rf "$folder"
mkdir -p "$folder"
# The same source gives the same page: scdoc dates pages with this.
export SOURCE_DATE_EPOCH=0

for page in "$@"; do
	name=${page##*/}
	"$scdoc" <"$page" >"$folder/${name%.scd}"
done
names=$("$hotbed" --dump names)
for name in hotbed $names; do
	page=hotbed-$name
	[ "$name" != hotbed ] || page=hotbed
	source=$("$hotbed" --dump man "$name")
	printf '%s\n' "$source" | "$scdoc" >"$folder/$page.1"
done
: >"$stamp"
