#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Show the temperature of the rack until the operator stops it.
run() {
	for (( ; ; )); do
		sensors -u > "$1"
		sleep 5
	done
}

if mkfifo /run/rack/temperature; then
	run /run/rack/temperature
	unlink /run/rack/temperature  #@ dead-code
fi
