#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Write the settings of the proxy and start it.
listen=3128
test -z "$1" || listen=$1
mkdir -p /etc/proxy /var/log/proxy || exit 1

file=/etc/proxy/proxy.conf
rm -f "$file.bak"
test ! -f "$file" || mv "$file" "$file.bak"
exec 3> "$file"
sed 's/^ *//' <<-ENDE >&3  #@ syntax
    port = $listen
    log = /var/log/proxy
    ENDE
exec 3>&-

chown -R proxy:proxy /var/log/proxy
service proxy restart || exit 1
echo "the proxy listens on port $listen"
