#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the folder that is named by the first argument.
empty() {
	cd "${1%/}/" || return 1
	rm -rf -- *  #@ system-deletion
}

printf 'emptying %s\n' "$1"
empty "$1"
