#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Build every part of the suite.
parts=(core codecs viewer)
prefix=${PREFIX:-/usr/local}

for part in "${parts[@]}"; do
	if [[ $part == viewer && -z ${DISPLAY-} ]]; then
		echo "skipping $part" >&2
		continue
	fi
	echo "building $part"
	pushd "$part" || exit 1
	./configure --prefix="$prefix" || exit 1
	make || exit 1
	popd || exit 1
done
echo "all built"
