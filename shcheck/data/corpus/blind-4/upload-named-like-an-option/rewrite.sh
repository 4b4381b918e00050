#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make the uploads readable and hand them over to the web server.
umask 022
if cd /srv/uploads; then
	for file in *; do
		chmod a+r "$file"  #@ option-injection
	done
else
	exit 1
fi
