#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Send the invitations to everybody on the list.
base='/srv/party'
test -s "$base/guests" || {
	echo "nobody is invited" >&2
	exit 1
}
number=0

next() {
	read -r address < "$base/guests"
}

until ! next; do  #@ loop-forever
	cat "$base/invitation" | mail -s "Invitation" "$address"
	number=`expr $number + 1`
done
echo "$number invitations"
