#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
set -e
PREFIX="/usr "
OLD=${PREFIX}/lib/nvidia-current/xorg/xorg
if test -d /usr/lib/nvidia-current; then
	rm -rf $OLD  #@ system-deletion
fi
