#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the package only on systems that can.
able() {
	[ "$1" = Linux -o FreeBSD ]  #@ constant-test
}

if ! able "$(uname -s)"; then
	echo "$(uname -s) cannot build the package" >&2
	exit 1
fi
make package
