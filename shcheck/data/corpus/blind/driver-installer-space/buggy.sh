#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
set -e
LIBDIR=/usr/lib/nvidia-current
if [ -d "$LIBDIR" ]; then
	echo "removing old links"
	rm -rf /usr /lib/nvidia-current/xorg/xorg  #@ system-deletion
fi
ln -s "$LIBDIR/xorg" /usr/lib/xorg/modules/extensions/nvidia
