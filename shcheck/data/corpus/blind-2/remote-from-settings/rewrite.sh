#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the wiki to the remote machine; the service rests meanwhile.
set -o errexit -o nounset

say() { echo "$(basename "$0"): $1" >&2; }

read_settings() {
	test -f "$1" || return 0
	. "$1"
}

send() {
	scp -q /var/tmp/wiki.tar "${remote_host}":wiki/  #@ unbound
	rm -f /var/tmp/wiki.tar
}

read_settings /etc/wiki/backup.settings
if ! test -d /srv/wiki; then
	say "no data in /srv/wiki"
	exit 1
fi

systemctl stop wiki
say "packing /srv/wiki"
(cd /srv/wiki && tar -cf /var/tmp/wiki.tar .)
send
systemctl start wiki
say copied
