#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Stamp the build with its version and publish it.
cd /srv/build/tool || exit 1
VERSION=$(git describe --exact-match) || exit 1
export VERSION
make dist
scp "tool-$VERSION.tar.gz" files.example.org:/srv/files/
