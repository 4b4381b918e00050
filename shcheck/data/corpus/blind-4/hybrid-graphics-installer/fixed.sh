#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Install the switch of hybrid graphics and take the vendor's older files away.
set -e
ROOT_UID=0
CONFDIR=/etc/hybrid
LIBDIR=/usr/lib/hybrid

if [ "$(id -u)" -ne "$ROOT_UID" ]; then
	echo "you must be root to do this" >&2
	exit 1
fi

say() {
	printf '%s\n' "hybrid: $*"
}

detect() {
	if [ -f /etc/debian_version ]; then
		DISTRO=debian
	elif [ -f /etc/fedora-release ]; then
		DISTRO=fedora
	else
		say "this distribution is not supported"
		exit 1
	fi
}

install_packages() {
	case $DISTRO in
	debian)
		apt-get -y update
		apt-get -y install virtualgl driver-current
		;;
	fedora) yum -y install virtualgl driver-current ;;
	esac
}

detect
say "installing on $DISTRO"
install_packages
mkdir -p "$CONFDIR" "$LIBDIR"
cp -f install-files/hybrid.conf "$CONFDIR/hybrid.conf"
cp -f install-files/optirun /usr/local/bin/optirun
chmod 755 /usr/local/bin/optirun

if [ "$DISTRO" = debian ]; then
	say "removing the vendor's libraries for the display server"
	rm -rf /usr/lib/driver-current/xorg/xorg
	ln -s /usr/lib/xorg /usr/lib/driver-current/xorg/xorg
fi
say "done; log in again"
