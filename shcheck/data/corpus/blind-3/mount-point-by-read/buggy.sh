#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the scratch volume that the device holds.
device=${1:?usage: empty-scratch DEVICE}

if [ ! -b "$device" ]; then
	echo "$device is no block device" >&2
	exit 1
fi

df -P "$device" | tail -n 1 | read -r dev blocks used free part mount
echo "emptying $device"
rm -rf "$mount"/*  #@ system-deletion
sync
