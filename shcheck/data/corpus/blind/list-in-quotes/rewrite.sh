#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
list=(curl git make)
for p in "${list[*]}"; do  #@ loop-once
	dpkg -s "$p" > /dev/null 2>&1 || apt-get install -y "$p"
done
