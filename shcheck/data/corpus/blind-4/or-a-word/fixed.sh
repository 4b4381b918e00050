#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the package only on systems that can.
system=$(uname -s)
if [[ $system == Linux || $system == FreeBSD ]]; then
	make package
else
	echo "$system cannot build the package" >&2
	exit 1
fi
