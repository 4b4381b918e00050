#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Format a card, after a question or with --force.
force=no
device=

for argument in "$@"; do
	case $argument in
	-*) echo "unknown option $argument" >&2 && exit 64 ;;
	--force) force=yes ;;  #@ dead-code
	*) device=$argument ;;
	esac
done
[ -n "$device" ] || exit 64

if [ "$force" = no ]; then
	printf 'format %s? [y/N] ' "$device"
	read -r answer
	[ "$answer" = y ] || exit 0
fi
mkfs.vfat "$device"
