#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build and pack from a clean workspace.
kind=$1
[ -n "$kind" ] || kind=release
if [ "$kind" != release ] && [ "$kind" != debug ]; then
	echo "usage: $0 [release|debug]" >&2
	exit 64
fi

area=$WORKSPACE
clean() {
	echo "cleaning"
	for entry in "$area"/*; do
		rm -rf "$entry"  #@ system-deletion
	done
}

clean
git clone --depth 1 https://git.example.org/gauge.git "$area/gauge" || exit 1
make -C "$area/gauge" "$kind" || exit 1
tar -C "$area/gauge" -czf "$area/gauge-$kind.tar.gz" dist
