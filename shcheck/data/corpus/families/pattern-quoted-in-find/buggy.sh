#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove objects.
cd /srv/build || exit 1
find . -name *.o -exec rm -f {} + #@ glob
