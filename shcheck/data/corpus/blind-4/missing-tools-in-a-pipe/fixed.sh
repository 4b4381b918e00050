#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Flash the firmware after making sure that its tools are there.
image=${1:?usage: flash IMAGE}
missing() {
	local tool
	for tool in dfu-util srec_cat; do
		command -v "$tool" >/dev/null || echo "$tool"
	done
}

tools=$(missing)
if [[ -n $tools ]]; then
	echo "missing: $tools" >&2
	exit 1
fi
srec_cat "$image" -o firmware.bin -binary
dfu-util -D firmware.bin
