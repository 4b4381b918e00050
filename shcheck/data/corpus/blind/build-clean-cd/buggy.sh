#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
builddir=$1
cd "$builddir"
rm -rf *  #@ user-deletion
cd ..
make
