#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Make an image of the boot partition.
if (( $# != 2 )); then
	echo "usage: image PARTITION FILE" >&2
	exit 64
fi
from=$1
to=$2

if test -e "$to"; then
	echo "$to is there already" >&2
	exit 1
fi
trap 'rm -f -- "$to"' EXIT  #@ data-loss
if ! cp --sparse=never "$from" "$to"; then
	exit 1
fi
sync "$to"
sha256sum "$from"
echo "the image is in $to"
