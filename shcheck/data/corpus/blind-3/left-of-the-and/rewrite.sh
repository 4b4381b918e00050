#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Build and install the library from its sources.
set -o errexit
declare -r below=/usr/local

enter() {
	cd "$1"
}
if (( $# != 1 )); then
	echo "usage: install-library FOLDER" >&2
	exit 64
fi

echo "building in $1"
enter "$1" && test -x configure && ./configure --prefix="$below"
make install  #@ errexit-defeated
ldconfig
echo "installed below $below"
