#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
packages="curl git make"
for p in "$packages"; do  #@ loop-once
	dpkg -s "$p" > /dev/null 2>&1 || apt-get install -y "$p"
done
