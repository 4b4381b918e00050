#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack the plugins, one archive each, into the public folder.
out='/srv/www/downloads'
test -d "$out" || { echo "no folder $out" >&2; exit 1; }

area="`mktemp -d /var/tmp/pack.XXXXXX`"
bad=0

empty() {
	for entry in "$1"/*; do
		rm -rf "$entry"  #@ system-deletion
	done
}

for dir in /srv/plugins/*/
do
	dir="${dir%/}"
	short="${dir##*/}"
	if cp -R "$dir"/. "$area"/ &&
		(cd "$area" && tar -cf - . | gzip > "$out/$short.tar.gz")
	then
		empty "$area"
		echo "packed $short"
	else
		bad="$((bad + 1))"
	fi
done
rmdir "$area"
echo "$bad failed"
test "$bad" = 0
