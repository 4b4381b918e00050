#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# doc_example.sh DRIVER PAGE - the driver compiled from the page's C block has under 60 lines, describes itself, runs every
# variant to a verified end, and fails verification when sabotaged.
set -u

driver=$1
page=$2
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT

lines=$(awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' "$page" | wc -l)
if [ "$lines" -lt 20 ] || [ "$lines" -ge 60 ]; then
	echo "$page: the example has $lines lines"
	exit 1
fi

"$driver" --describe >"$folder/describe" || exit 1
grep -q 'matrix-walk' "$folder/describe" || { echo 'the description lacks matrix-walk'; exit 1; }
"$driver" --points matrix-walk --sweep quick >"$folder/points" || exit 1
grep -q 'size=256' "$folder/points" || { cat "$folder/points"; exit 1; }

trial()
{
	mkdir -p "$folder/tmp"
	variant=$1
	shift
	"$driver" --trial --experiment matrix-walk --variant "$variant" --params 'size=256' --seed 1 \
		--result-fd 3 --tmpdir "$folder/tmp" "$@" 3>"$folder/messages" 2>"$folder/log"
}

for variant in columns rows; do
	trial "$variant" || { echo "$variant: exit code $?"; cat "$folder/log"; exit 1; }
	for message in '"hello"' '"walk_time"' '"digest"' '"done"'; do
		grep -q "$message" "$folder/messages" || {
			echo "$variant: no $message in:"
			cat "$folder/messages"
			exit 1
		}
	done
	if grep -q '"fail"' "$folder/messages"; then
		cat "$folder/messages"
		exit 1
	fi
	trial "$variant" --sabotage || { echo "$variant: exit code $? when sabotaged"; exit 1; }
	grep '"fail"' "$folder/messages" | grep -q '"verify"' || {
		echo "$variant: the sabotage was not noticed:"
		cat "$folder/messages"
		exit 1
	}
done
