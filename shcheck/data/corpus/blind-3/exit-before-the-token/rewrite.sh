#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Set up the broker after it was unpacked.
set -e

configure() {
	getent passwd broker > /dev/null ||
		adduser --system --group --home /var/lib/broker broker
}

if test "$1" = configure; then
	configure
	exit 0
elif test "$1" = abort-upgrade || test "$1" = abort-remove || test "$1" = abort-deconfigure; then
	exit 0
else
	echo "postinst called with unknown argument: $1" >&2
	exit 1
fi

# Automatically added by dh_installsystemd
deb-systemd-helper unmask broker.service > /dev/null || true  #@ dead-code
deb-systemd-invoke start broker.service > /dev/null || true
