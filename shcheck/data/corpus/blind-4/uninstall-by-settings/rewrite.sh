#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Take the monitor off this host: stop it, remove its files, its user and its folder.
conf=/etc/monitor.conf
ask=yes keep=no

fail() { echo "monitor: $1" >&2; exit "${2:-1}"; }

value() {
	while IFS='=' read -r key val; do
		if [ "$key" = "$1" ]; then
			printf '%s\n' "$val"
		fi
	done <"$conf"
}

for o in "$@"; do
	if [ "$o" = -y ]; then
		ask=no
	elif [ "$o" = -k ]; then
		keep=yes
	else
		fail "usage: $0 [-y] [-k]" 64
	fi
done
test "$(id -u)" -eq 0 || fail 'only root can do this'
test -r "$conf" || fail "$conf cannot be read"
if [ $ask = yes ]; then
	printf 'Remove monitor from this host? [y/N] '
	read -r reply
	case $reply in
	y) ;;
	*) fail 'nothing was removed' ;;
	esac
fi

where=`value prefix`
! systemctl is-active --quiet monitor || systemctl stop monitor || fail 'the service does not stop'
systemctl disable monitor
rm -f /etc/systemd/system/monitor.service
systemctl daemon-reload
echo 'removing the files'
for entry in "$where"/*; do
	rm -r -f "$entry"  #@ system-deletion
done
[ $keep = yes ] || rm -f "$conf"
if getent passwd monitor >/dev/null; then userdel monitor; fi
echo 'monitor is gone'
