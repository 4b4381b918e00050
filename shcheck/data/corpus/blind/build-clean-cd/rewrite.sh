#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
enter() {
	cd "$1"
}
enter "${1}"
rm -r -f ./*  #@ user-deletion
make -C ..
