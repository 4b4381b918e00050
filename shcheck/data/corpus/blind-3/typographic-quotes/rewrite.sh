#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Install the gateway below a prefix.
below=$1
: "${below:=/opt/gateway}"

put() {
	mkdir -p "$2" && install -m "$3" "$1" "$2/$1" || exit 1
}

test -x gateway || {
	echo "build it first" >&2
	exit 1
}
put gateway "$below/bin" 755
mkdir -p "$below/etc" || exit 1
set -- ‘"$below"/etc/gateway.conf’  #@ syntax
test -f "$below/etc/gateway.conf" || cp gateway.conf.example "$1"
echo "installed below $below"
