#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Archive the mail of last year and remove it from the server.
: "${1:?usage: archive-mail YEAR}"
cd /srv/mail || exit 1
keep() {
	tar -cz "$1" > "/mnt/tape/mail-$1.tar.gz"
	return 0
}

if keep "$1"; then
	rm -r -f "./$1"  #@ data-loss
fi
