#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make a new key for the agent.
install_key() {
	mv -f "$1" "$2" || exit 1
	for file in "$1"; do
		chmod u=rw,go= "$file"  #@ must-fail
	done
}

dir=/etc/agent/keys
test -d "$dir" || mkdir -p "$dir" || exit 1
fresh="$dir/.host.key.$$"
if ! openssl genpkey -algorithm ed25519 -out "$fresh"; then
	rm -f "$fresh"
	exit 1
fi
install_key "$fresh" "$dir/host.key"
service agent restart
