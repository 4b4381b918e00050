#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# figures.sh HOTBED MAKE_RUN RUNTIME_DIR - `export figures --svg` draws every chart as well-formed SVG, without a warning.
set -u

hotbed=$(realpath "$1")
make_run=$(realpath "$2")
runtime=$3
if ! command -v node >/dev/null; then
	echo "skip: nodejs is missing; ./hotbed setup installs it"
	exit 77
fi
if [ ! -f "$runtime/vega.min.js" ]; then
	echo "skip: the chart runtime is missing; ./hotbed setup installs it"
	exit 77
fi
run=$("$make_run" spawn)
out=$(mktemp -d)
trap 'rm -rf "$run" "$out"' EXIT

"$hotbed" export figures --svg "$run" --out "$out/svg" >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
if grep -i warn "$out/log"; then
	echo "NOT OK: drawing warned"
	exit 1
fi
drawn=0
for spec in "$run"/charts/*.vl.json; do
	svg=$out/svg/$(basename "$spec" .vl.json).svg
	marks=$(grep -o 'role="graphics-symbol"' "$svg" | wc -l)
	if ! grep -q '<title>' "$svg" || ! grep -q '<desc>' "$svg" || [ "$marks" -lt 3 ]; then
		echo "NOT OK: $svg has no title, no description or only $marks marks"
		exit 1
	fi
	drawn=$((drawn + 1))
done
echo "$drawn figures drawn"
[ "$drawn" -ge 5 ]
