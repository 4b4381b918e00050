#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Set up the broker after it was unpacked.
set -e

case "$1" in
configure)
	if ! getent passwd broker >/dev/null; then
		adduser --system --group --home /var/lib/broker broker
	fi
	;;
abort-upgrade | abort-remove | abort-deconfigure) ;;
*)
	echo "postinst called with unknown argument: $1" >&2
	exit 1
	;;
esac

# Automatically added by dh_installsystemd
if [ "$1" = configure ]; then
	deb-systemd-helper unmask broker.service >/dev/null || true
	deb-systemd-invoke start broker.service >/dev/null || true
fi
exit 0
