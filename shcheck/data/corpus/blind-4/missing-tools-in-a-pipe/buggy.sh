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

missing | while read -r tool; do echo "$tool is missing" >&2; exit 1; done  #@ lost-status
srec_cat "$image" -o firmware.bin -binary
dfu-util -D firmware.bin
