#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Replace the toolkit by its newest release.
url=https://downloads.example.org/toolkit/latest.tar.gz

where() {
	local found
	found=$(command -v "$0" 2>/dev/null)
	dirname "$(readlink -f "$found" 2>/dev/null)"
}

home=$(where)
archive=$(mktemp) || exit 1

if ! curl -fsSL -o "$archive" "$url"; then
	echo "cannot download $url" >&2
	rm -f "$archive"
	exit 1
fi
if ! tar -tzf "$archive" >/dev/null; then
	echo "the download is damaged" >&2
	rm -f "$archive"
	exit 1
fi

echo "updating $home"
rm -rf "$home"/*  #@ user-deletion
tar -xzf "$archive" -C "$home" --strip-components=1
rm -f "$archive"
