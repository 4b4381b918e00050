#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the old kernels that were put on hold.
keep=$(uname -r)

if [ "$(id -u)" -ne 0 ]; then
	echo "must be root" >&2
	exit 1
fi

for image in /boot/vmlinuz-*; do
	version=${image#/boot/vmlinuz-}
	if [ "$version" = "$keep" ] || [ ! -f "$image" ]; then
		continue
	fi
	apt-mark unhold "linux-image-$version"
	apt-get remove -y "linux-image-$version"
done
