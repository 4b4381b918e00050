#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack a release into a fresh folder and point the site to it.
set -o errexit
if [ $# -eq 0 ]; then
	echo "usage: release ARCHIVE" >&2
	exit 64
fi

seconds=$(date +%s)
fresh="`
	mkdir -p "/srv/site/releases/$seconds"
	tar -x -z -f "$1" -C "/srv/site/releases/$seconds"
	: > "/srv/site/releases/$seconds/.complete"  #@ errexit-defeated
	echo "/srv/site/releases/$seconds"
`"
test ! -e "$fresh/.complete" || ln -s -f -n "$fresh" /srv/site/current
