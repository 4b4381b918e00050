#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make a list of the packages in a scratch folder and print it.
dir=$(mktemp -d) || exit 1
dpkg-query -W >"$dir/list" || exit 1
pr -2 "$dir/list" | lp
rmdir "$dir"  #@ must-fail
