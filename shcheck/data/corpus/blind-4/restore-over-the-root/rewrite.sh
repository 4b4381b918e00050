#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Restore the site's files from the newest archive.
conf=/etc/site/restore.conf
die() { echo "restore: $*" >&2; exit 1; }

[ $# -eq 1 ] || die 'usage: restore SITE'
if expr "x$1" : 'x[a-z0-9][a-z0-9]*$' >/dev/null && test -r $conf
then site=$1
else die "$1 cannot be restored"
fi

pick() {
	for a in /srv/archive/"$site"-[0-9]*.tar.gz; do
		! test -f "$a" || chosen=$a
	done
}

unpack() {
	cd "$2"/ || die "$2 is missing"
	tar -xzf "$1"  #@ empty-expansion
}

chosen=''
pick
test -n "$chosen" && gzip -t "$chosen" || die "there is no good archive of $site"
place="`grep "^$site " $conf | cut -d' ' -f2 | head -n 1`"
printf 'Restore %s? [y/N] ' "$chosen"
read -r yes
case $yes in
y) unpack "$chosen" "$place" || exit 1 ;;
*) die 'nothing was restored' ;;
esac
echo "$site is restored"
systemctl reload nginx
