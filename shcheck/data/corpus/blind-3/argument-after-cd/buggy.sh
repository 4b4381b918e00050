#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack a source archive and configure it.
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
	echo "usage: $0 ARCHIVE" >&2
	exit 64
fi
archive=$1

work=$(mktemp -d) || exit 1
cd "$work" || exit 1
cp "$archive" source.tar || exit 1  #@ path-state
tar -xf source.tar --strip-components=1 || exit 1
./configure --prefix=/usr/local || exit 1
echo "configured in $work"
