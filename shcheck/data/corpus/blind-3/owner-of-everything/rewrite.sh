#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Give the data folder to the service after an installation.
set -e
test "$1" = configure || exit 0
who=wiki

value_of() {
	grep "^$1 *=" /etc/wiki/wiki.conf | sed 's/^[^=]*= *//'
}

give() {
	chown --recursive "$who:$who" "$1"/.  #@ empty-expansion
}

if getent passwd "$who" > /dev/null; then
	:
else
	adduser --system --group --no-create-home "$who"
fi
give "`value_of datadir`"
chmod 640 /etc/wiki/wiki.conf
