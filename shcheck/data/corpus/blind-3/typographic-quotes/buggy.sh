#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Install the gateway below a prefix.
prefix=${1:-/opt/gateway}

if [ ! -x ./gateway ]; then
	echo "build it first" >&2
	exit 1
fi
mkdir -p "$prefix/bin" "$prefix/etc" || exit 1
install -m 755 ./gateway "$prefix/bin/gateway" || exit 1
if [ ! -f "$prefix/etc/gateway.conf" ]; then
	cp gateway.conf.example “$prefix/etc/gateway.conf”  #@ syntax
fi
echo "installed below $prefix"
