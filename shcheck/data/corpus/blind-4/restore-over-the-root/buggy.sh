#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Restore the site's files from the newest archive.
set -eu
SETTINGS=/etc/site/restore.conf
STORE=/srv/archive
SITE=${1:-}

usage() {
	echo "usage: restore SITE" >&2
	exit 64
}

problem() {
	echo "restore: $1" >&2
	exit 1
}

lookup() {
	awk -v site="$1" '$1 == site { print $2; exit }' "$SETTINGS"
}

case $SITE in
'' | *[!a-z0-9]*) usage ;;
esac
[ -r "$SETTINGS" ] || problem "$SETTINGS cannot be read"

newest=
for archive in "$STORE/$SITE"-[0-9]*.tar.gz; do
	if [ -f "$archive" ]; then
		newest=$archive
	fi
done
if [ -z "$newest" ]; then
	problem "there is no archive of $SITE"
fi
if ! gzip -t "$newest"; then
	problem "$newest is damaged"
fi

target=$(lookup "$SITE")
printf 'Restore %s? [y/N] ' "$newest"
read -r answer
[ "$answer" = y ] || problem "nothing was restored"
tar -xzf "$newest" -C "$target/"  #@ empty-expansion
echo "$SITE is restored"
systemctl reload nginx
