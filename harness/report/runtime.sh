#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# runtime.sh REPORT_DIR OUT_DIR STAMP - copy the chart runtime out of REPORT_DIR/node_modules beside the built program, so
# that reports need no source tree. Where npm has not run yet there is nothing to copy, and reports have tables only.
set -eu

modules=$1/node_modules
out=$2
stamp=$3

copy() {
	if [ -f "$1" ]; then
		cmp -s "$1" "$out/$2" || cp "$1" "$out/$2"
	fi
}

mkdir -p "$out"
copy "$modules/vega/build/vega.min.js" vega.min.js
copy "$modules/vega-lite/build/vega-lite.min.js" vega-lite.min.js
copy "$modules/vega-embed/build/vega-embed.min.js" vega-embed.min.js
copy "$1/figures.js" figures.js
[ -f "$stamp" ] || : >"$stamp"
