#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the mail to the archive host, for cron.
copy() {
	rsync -a --delete "$1" "archive.example.org:/srv/mail/"
}

here=/var/mail/
test -d "$here" || exit 0

! copy "$here" && {
	code=$?
	exit "$code"  #@ lost-status
}
{
	printf 'copied at '
	date
} > /var/lib/mail-copied
exit 0
