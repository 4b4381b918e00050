#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Make an image of the boot partition.
partition=${1:?usage: image PARTITION FILE}
image=${2:?usage: image PARTITION FILE}

discard() {
	rm -f "$image"  #@ data-loss
}
trap discard EXIT

if [[ -e $image ]]; then
	trap - EXIT
	echo "$image is there already" >&2
	exit 1
fi
dd if="$partition" of="$image" bs=4M conv=fsync || exit 1
sha256sum "$partition"
echo "the image is in $image"
