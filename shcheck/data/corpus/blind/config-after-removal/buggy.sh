#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
target=$1
rm -r "$target"
if grep -q debug "$target/config"; then  #@ must-fail
	echo "debug was on"
fi
