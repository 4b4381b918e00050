#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the cache of the portal and install its files again.
version=${1:?usage: reinstall VERSION}

folder[cache]=/var/cache/portal
folder[config]=/etc/portal
folder[prefix]=/usr

package=/srv/packages/portal-$version.tar.gz
if [[ ! -r $package ]]; then
	echo "no such package: $package" >&2
	exit 1
fi

rm -rf "${folder[cache]}"  #@ system-deletion
mkdir -p "${folder[cache]}" "${folder[config]}"
tar -xzf "$package" -C "${folder[prefix]}"
