#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build and install the plug-in; say so when that fails.
set -e
install_plugin() {
	cd /usr/src/plugin || return 1
	make clean all
	cp plugin.so /usr/lib/editor/plugins/  #@ errexit-defeated
}

install_plugin || {
	echo "the plug-in was not installed" >&2
	exit 1
}
