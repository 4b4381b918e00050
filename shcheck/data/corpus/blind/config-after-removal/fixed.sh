#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
target=$1
debug=no
if grep -q debug "$target/config"; then
	debug=yes
fi
rm -r "$target"
echo "debug was $debug"
