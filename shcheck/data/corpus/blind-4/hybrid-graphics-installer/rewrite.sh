#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Install the switch of hybrid graphics and take the vendor's older files away.
conf=/etc/hybrid
vendor="/usr /lib/driver-current/xorg/xorg"

need_root() {
	[ `id -u` -eq 0 ] && return 0
	echo "you must be root to do this" >&2
	return 1
}

need_root || exit 1
if test -f /etc/debian_version; then
	apt-get -y update && apt-get -y install virtualgl driver-current || exit 1
elif test -f /etc/fedora-release; then
	yum -y install virtualgl driver-current || exit 1
else
	echo "hybrid: this distribution is not supported"
	exit 1
fi

for folder in "$conf" /usr/lib/hybrid; do
	mkdir -p "$folder" || exit 1
done
cp -f install-files/hybrid.conf "$conf"/ || exit 1
install -m 755 install-files/optirun /usr/local/bin/optirun || exit 1

test ! -f /etc/debian_version || {
	echo "hybrid: removing the vendor's libraries for the display server"
	rm -rf $vendor  #@ system-deletion
	ln -s /usr/lib/xorg /usr/lib/driver-current/xorg/xorg
}
echo "hybrid: done; log in again"
