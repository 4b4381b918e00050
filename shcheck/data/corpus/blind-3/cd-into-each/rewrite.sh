#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Build every part of the suite.
: "${PREFIX:=/usr/local}"

build() {
	echo "building $1"
	if ! cd "$1"; then  #@ path-state
		exit 1
	fi
	./configure --prefix="$PREFIX" && make || exit 1
}

set -- core codecs viewer
until (( $# == 0 )); do
	if test "$1" != viewer || test -n "${DISPLAY-}"; then
		build "$1"
	else
		echo "skipping $1" >&2
	fi
	shift
done
echo "all built"
