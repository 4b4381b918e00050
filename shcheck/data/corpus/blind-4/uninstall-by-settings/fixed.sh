#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Take the monitor off this host: stop it, remove its files, its user and its folder.
NAME=monitor
SETTINGS=/etc/$NAME.conf
UNITS=/etc/systemd/system
ASSUME_YES=0

usage() {
	cat <<EOF
usage: $0 [-y] [-k]
  -y  do not ask
  -k  keep the settings
EOF
	exit 64
}

die() {
	echo "$NAME: $*" >&2
	exit 1
}

confirm() {
	[ "$ASSUME_YES" -eq 0 ] || return 0
	printf 'Remove %s from this host? [y/N] ' "$NAME"
	read -r answer || return 1
	[ "$answer" = y ]
}

keep=0
while getopts yk option; do
	case $option in
	y) ASSUME_YES=1 ;;
	k) keep=1 ;;
	*) usage ;;
	esac
done
[ "$(id -u)" -eq 0 ] || die "only root can do this"
[ -r "$SETTINGS" ] || die "$SETTINGS cannot be read"
confirm || die "nothing was removed"

prefix=$(sed -n 's/^prefix=//p' "$SETTINGS")
[ "$prefix" = /opt/monitor ] || die "$SETTINGS names another prefix; remove it by hand"
if systemctl is-active --quiet "$NAME"; then
	systemctl stop "$NAME" || die "the service does not stop"
fi
systemctl disable "$NAME"
rm -f "$UNITS/$NAME.service"
systemctl daemon-reload
echo "removing the files"
rm -rf /opt/monitor/*
if [ "$keep" -eq 0 ]; then
	rm -f "$SETTINGS"
fi
if getent passwd "$NAME" >/dev/null; then
	userdel "$NAME"
fi
echo "$NAME is gone"
