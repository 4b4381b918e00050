#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the folder that is named by the first argument.
dir=${1%/}
echo "emptying $dir"
rm -rf "$dir"/*  #@ system-deletion
