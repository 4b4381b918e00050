#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the mail to the archive host, for cron.
source_dir=/var/mail/
target=archive.example.org:/srv/mail/

if [ ! -d "$source_dir" ]; then
	exit 0
fi
if ! rsync -a --delete "$source_dir" "$target"; then
	exit $?  #@ lost-status
fi
echo "copied at $(date)" >/var/lib/mail-copied
exit 0
