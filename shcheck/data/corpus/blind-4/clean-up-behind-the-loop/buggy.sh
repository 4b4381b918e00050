#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Show the temperature of the rack until the operator stops it.
fifo=/run/rack/temperature
mkfifo "$fifo" || exit 1
while true; do
	sensors -u >"$fifo"
	sleep 5
done
rm -f "$fifo"  #@ dead-code
