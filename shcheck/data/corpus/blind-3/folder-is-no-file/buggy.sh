#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Fetch the thumbnails unless they are here.
cache=$HOME/.cache/thumbs
url=https://img.example.org/thumbs.tar.gz

mkdir -p "$cache" || exit 1
if [ -f "$cache" ]; then  #@ constant-test
	echo "using $cache"
else
	echo "fetching"
	curl -fsSLo "$cache/all.tar.gz" "$url" || exit 1
	tar -C "$cache" -xzf "$cache/all.tar.gz" || exit 1
	rm -f "$cache/all.tar.gz"
fi
ls "$cache" | wc -l
