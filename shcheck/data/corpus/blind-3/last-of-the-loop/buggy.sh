#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build all parts, then install them.
prefix=${1:-/opt/suite}

echo "building for $prefix"
for part in base codecs viewer; do
	make -C "$part" PREFIX="$prefix"
done
if [ $? -ne 0 ]; then  #@ lost-status
	echo "the build failed" >&2
	exit 1
fi

for part in base codecs viewer; do
	make -C "$part" PREFIX="$prefix" install || exit 1
done
