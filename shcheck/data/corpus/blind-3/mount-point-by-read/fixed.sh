#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the scratch volume that the device holds.
device=${1:?usage: empty-scratch DEVICE}

if [ ! -b "$device" ]; then
	echo "$device is no block device" >&2
	exit 1
fi

mount=$(df -P "$device" | awk 'NR == 2 { print $6 }')
case $mount in
/scratch/[0-9]) ;;
*)
	echo "$device holds no scratch volume" >&2
	exit 1
	;;
esac
echo "emptying $device"
rm -rf "$mount"/*
sync
