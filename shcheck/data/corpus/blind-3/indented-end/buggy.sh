#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Write the settings of the proxy and start it.
conf=/etc/proxy/proxy.conf
port=${1:-3128}

mkdir -p /etc/proxy /var/log/proxy || exit 1
rm -f "$conf.bak"
[ ! -f "$conf" ] || cp "$conf" "$conf.bak"

cat >"$conf" <<END  #@ syntax
port = $port
log = /var/log/proxy
  END

chown -R proxy:proxy /var/log/proxy
service proxy restart || exit 1
echo "the proxy listens on port $port"
