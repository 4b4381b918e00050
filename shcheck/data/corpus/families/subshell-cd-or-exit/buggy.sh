#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start again in the folder of the build.
( cd /srv/build || exit 1 )
rm -rf ./* #@ user-deletion
make all
