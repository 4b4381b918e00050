#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Keep the newest five backups.
pushd /srv/backups > /dev/null || exit 1

superfluous() {
	command ls -t | sed '1,5d'
}

names="$(superfluous)"
case "$names" in
'')
	echo "nothing to remove"
	exit 0
	;;
esac
printf 'removing:\n%s\n' "$names"
discard() {
	rm -f -- $1  #@ word-split
}
discard "$names"
