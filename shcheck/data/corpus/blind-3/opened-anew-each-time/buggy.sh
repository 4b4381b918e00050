#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Send the invitations to everybody on the list.
list=/srv/party/guests
text=/srv/party/invitation
sent=0

if [ ! -s "$list" ]; then
	echo "nobody is invited" >&2
	exit 1
fi

while read -r guest <"$list"; do  #@ loop-forever
	mail -s "Invitation" "$guest" <"$text"
	sent=$((sent + 1))
done
echo "$sent invitations"
