#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack the plugins, one archive each, into the public folder.
plugins=/srv/plugins
public=/srv/www/downloads

pack_one() {
	name=$(basename "$1")
	cp -R "$1/." "$stage/" || return 1
	(cd "$stage" && tar -czf "$public/$name.tar.gz" .) || return 1
	rm -rf "$stage"/*  #@ system-deletion
	echo "packed $name"
}

if [ ! -d "$public" ]; then
	echo "no folder $public" >&2
	exit 1
fi
stage=$(mktemp -d /var/tmp/pack.XXXXXX)
failed=0
for plugin in "$plugins"/*/; do
	pack_one "${plugin%/}" || failed=$((failed + 1))
done
rmdir "$stage"
echo "$failed failed"
[ "$failed" -eq 0 ]
