#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Restart the mailer with an empty spool.
owner=pigeon
queue="/var/spool/$owner"
command='umask 027
rm -rf "$queue"/*'

test "`id -u`" = 0 || {
	echo "must be root" >&2
	exit 1
}
service "$owner" stop || exit 1
if test -d "$queue"; then
	setpriv --reuid "$owner" sh -c : || exit 1
	env sh -c "$command"  #@ system-deletion
fi
service "$owner" start
