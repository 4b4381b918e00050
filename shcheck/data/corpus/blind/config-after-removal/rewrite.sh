#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
purge() {
	rm -rf "$1"
}
dir=$1
file=$dir/config
purge "$dir"
cat "$file"  #@ must-fail
