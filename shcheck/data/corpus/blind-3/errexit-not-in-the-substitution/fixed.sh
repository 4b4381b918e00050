#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack a release into a fresh folder and point the site to it.
set -e
archive=${1:?usage: release ARCHIVE}
releases=/srv/site/releases

unpack() {
	local folder
	folder=$releases/$(date +%s)
	mkdir -p "$folder" || return 1
	tar -xzf "$1" -C "$folder" || return 1
	touch "$folder/.complete" || return 1
	echo "$folder"
}

new=$(unpack "$archive")
if [[ -f $new/.complete ]]; then
	ln -sfn "$new" /srv/site/current
fi
