#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Mirror the photographs onto the second disk.
mountpoint -q /mnt/second || {
	echo "the second disk is not mounted" >&2
	exit 1
}

declare -a left_out
collect() {
	local text
	while read -r text; do
		if [ -n "$text" ] && [ "${text:0:1}" != '#' ]; then
			left_out[${#left_out[*]}]="--exclude=$text"
		fi
	done
}

if [ -r /etc/mirror.exclude ]; then
	collect < /etc/mirror.exclude
fi
printf 'mirroring with %d rules\n' "${#left_out[*]}"

mirror() {
	rsync --archive --delete --delete-excluded "$@" /srv/photos/ /mnt/second/photos/
}

mirror "${leave_out[@]}"  #@ unbound
result=$?
[ "$result" -eq 0 ] || echo "rsync ended with $result" >&2
exit "$result"
