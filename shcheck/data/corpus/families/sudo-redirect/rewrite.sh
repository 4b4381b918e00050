#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A line more.
add() {
	sudo sh -c 'echo nameserver 10.0.0.1' >> "$1" #@ must-fail
}
add /etc/resolv.conf
