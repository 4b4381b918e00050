#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Flash the firmware after making sure that its tools are there.
(( $# == 1 )) || exit 64
absent=''
for t in dfu-util srec_cat; do
	type "$t" &>/dev/null || absent="$absent$t
"
done

stop() {
	read -r first && { echo "$first is missing" >&2; exit 1; }
}

printf '%s' "$absent" | stop  #@ lost-status
srec_cat "$1" -o firmware.bin -binary && dfu-util -D firmware.bin
