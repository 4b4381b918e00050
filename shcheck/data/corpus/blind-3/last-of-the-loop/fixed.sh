#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build all parts, then install them.
prefix=${1:-/opt/suite}

echo "building for $prefix"
for part in base codecs viewer; do
	if ! make -C "$part" PREFIX="$prefix"; then
		echo "the build failed" >&2
		exit 1
	fi
done

for part in base codecs viewer; do
	make -C "$part" PREFIX="$prefix" install || exit 1
done
