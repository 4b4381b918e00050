#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Lock or unlock the doors of the laboratory.
check() {
	if [[ $1 = lock ]]; then
		value=1
	elif [[ $1 = unlock ]]; then
		value=0
	else
		complain  #@ not-a-command
	fi
}

check "$1"
function complain {
	echo 'usage: doors lock|unlock' >&2
	exit 64
}
gpioset gpiochip0 17="$value"
