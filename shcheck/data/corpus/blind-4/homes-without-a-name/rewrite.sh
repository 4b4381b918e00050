#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the account of somebody who has left, after keeping an archive of the home.
store=/srv/attic

name_of() {
	getent passwd "$1" | sed 's/:.*//'
}

remove_home() {
	home="/home/$1"
	test ! -d "$home" || rm -r -f "$home"  #@ user-deletion
}

dry=
test "$1" != -n || { dry=1; shift; }
test $# -eq 1 || { echo 'usage: retire [-n] NUMBER' >&2; exit 64; }
number=$1
if ! expr "$number" : '[1-9][0-9]*$' >/dev/null || [ "$number" -lt 1000 ]; then
	echo "retire: $number is not to be retired" >&2
	exit 1
fi
who=`name_of "$number"`
echo "retiring $who"
if test -n "$dry"; then
	echo "would remove $who"
	exit 0
fi
loginctl terminate-user "$number"
test -d $store || exit 1
out=$store/$number-$(date +%Y-%m-%d).tar.gz
tar -czf "$out" -C /home "./$who" || exit 1
chmod 600 "$out"
crontab -r -u "$who"
userdel "$who"
remove_home "$who"
echo "$number is retired"
