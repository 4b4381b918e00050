#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# embed.sh OUT FILE... - write FILEs as NUL-terminated C arrays hb_asset_NAME (dots become underscores) to OUT.
set -eu

out=$1
shift
{
	echo '/* Made by embed.sh from harness/report/; do not edit. */'
	echo '#include "assets.h"'
	for file; do
		name=$(basename "$file" | tr '.-' '__')
		printf 'const char hb_asset_%s[] = {\n' "$name"
		od -v -An -tx1 "$file" | sed 's/ *\([0-9a-f][0-9a-f]\)/(char)0x\1,/g'
		printf '0};\n'
	done
} >"$out"
