#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the cache of the portal and install its files again.
release=$1
: "${release:?usage: reinstall VERSION}"

where=([cache]=/var/cache/portal [config]=/etc/portal [prefix]=/usr)

fetch() {
	local file="/srv/packages/portal-$release.tar.gz"
	test -r "$file" && printf '%s' "$file"
}

if ! archive=$(fetch); then
	echo "no such package" >&2
	exit 1
fi
old=${where[cache]}
rm -r -f -- "$old"  #@ system-deletion
mkdir -p -- "$old" "${where[config]}"
tar --extract --gzip --file="$archive" --directory="${where[prefix]}"
