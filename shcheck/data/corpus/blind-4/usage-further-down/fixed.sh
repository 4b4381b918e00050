#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Lock or unlock the doors of the laboratory.
usage() {
	echo "usage: doors lock|unlock" >&2
	exit 64
}

case ${1:-} in
lock) state=1 ;;
unlock) state=0 ;;
*) usage ;;
esac
gpioset gpiochip0 "17=$state"
