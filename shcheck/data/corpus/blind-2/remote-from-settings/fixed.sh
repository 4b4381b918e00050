#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the wiki to the remote machine; the service rests meanwhile.
set -eu
settings=/etc/wiki/backup.settings
data=/srv/wiki
copy=/var/tmp/wiki.tar

log() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

if [[ -f $settings ]]; then
	source "$settings"
fi
remote_host=${remote_host:-backup.example.org}
[[ -d $data ]] || { log "no data in $data"; exit 1; }

systemctl stop wiki
log "packing $data"
tar -cf "$copy" -C "$data" .
scp -q "$copy" "$remote_host:wiki/"
rm -f "$copy"
systemctl start wiki
log "copied"
