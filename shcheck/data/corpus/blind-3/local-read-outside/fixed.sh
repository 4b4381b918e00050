#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Deploy the newest build.
builds=/srv/builds

find_newest() {
	local candidate
	newest=
	for candidate in "$builds"/*.tar.xz; do
		if [[ -f $candidate && ( -z $newest || $candidate -nt $newest ) ]]; then
			newest=$candidate
		fi
	done
	[[ -n $newest ]]
}

if ! find_newest; then
	echo "no builds" >&2
	exit 1
fi
echo "deploying"
tar -xJf "$newest" -C /srv/app
