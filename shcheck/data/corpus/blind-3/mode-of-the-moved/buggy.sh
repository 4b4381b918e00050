#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make a new key for the agent.
keys=/etc/agent/keys
key=$keys/host.key

mkdir -p "$keys" || exit 1
new=$keys/.host.key.$$
openssl genpkey -algorithm ed25519 -out "$new" || {
	rm -f "$new"
	exit 1
}
mv -f "$new" "$key" || exit 1
chmod 600 "$new"  #@ must-fail
service agent restart
