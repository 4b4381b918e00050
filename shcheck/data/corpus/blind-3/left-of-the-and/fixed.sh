#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Build and install the library from its sources.
set -e
sources=${1:?usage: install-library FOLDER}
prefix=/usr/local

echo "building in $sources"
cd "$sources"
./configure --prefix="$prefix"
make install
ldconfig
echo "installed below $prefix"
