#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the scratch volume that the device holds.
if [ $# -ne 1 ] || ! [ -b "$1" ]; then
	echo "usage: empty-scratch DEVICE" >&2
	exit 1
fi

df -P "$1" | {
	read -r title
	read -r a b c d e point
}

wipe() {
	echo "emptying $1"
	rm -rf "$2"/*  #@ system-deletion
}
wipe "$1" "$point"
sync
