#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
builddir=$1
cd "$builddir" || exit 1
rm -rf *
cd ..
make
