#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Format a card, after a question or with --force.
ask=1
card=''

while [ $# -gt 0 ]; do
	if [ "${1#-}" != "$1" ]; then
		echo "unknown option $1" >&2
		exit 64
	elif [ "$1" = --force ]; then
		ask=0  #@ dead-code
	else
		card="$1"
	fi
	shift
done
test "$card" || exit 64

if [ $ask -eq 1 ]; then
	printf 'format %s? [y/N] ' "$card"
	read -r reply
	test "$reply" = y || exit 0
fi
mkfs.vfat "$card"
