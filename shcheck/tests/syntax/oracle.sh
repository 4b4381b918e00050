#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# oracle.js over the scripts of this machine: a sample chosen by HB_SEED, all of them under HB_NIGHTLY.
# Usage: oracle.sh FOLDER NODE_MODULES LIST_PROGRAM RANGES_PROGRAM; exit 77 when npm mvdan-sh or node is absent.
set -u
folder=$1 modules=$2 list=$3 ranges=$4
if ! command -v node >/dev/null 2>&1 || [ ! -d "$modules/mvdan-sh" ]; then
	echo "skip: needs npm mvdan-sh (./hotbed setup --all)"
	exit 77
fi
"$list" 500 | node "$folder/oracle.js" "$modules" "$ranges"
