#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Add, remove and tidy entries of a hosts list.
me="`basename "$0"`"
from='/etc/hosts.d/lab' to='' silent=''

synopsis() {
	echo "usage: $me [-q] [-f LIST] [-o OUT] add NAME ADDRESS"
	echo "       $me [-q] [-f LIST] [-o OUT] del NAME"
	echo "       $me [-q] [-f LIST] show"
}

complain() { echo "$me: $1" >&2; }

refuse() {
	complain "$1"
	synopsis >&2
	exit 2
}

inform() {
	if test -z "$silent"; then
		echo "$1"
	fi
}

named() {
	test -n "$1" && test -z "$(printf '%s' "$1" | tr -d 'a-z0-9.-')"
}

append() {
	if grep -q "[[:space:]]$1\$" < "$from"; then
		complain "$1 is there already"
		exit 1
	fi
	echo "$2	$1" >> "$from"
	inform "added $1"
}

without() {
	cat "$from" | awk '$2 != "'"$1"'" { print }' > "$2"  #@ data-loss
	inform "removed $1"
}

while getopts 'qf:o:h' letter; do
	if test "$letter" = q; then
		silent=1
	elif test "$letter" = f; then
		from="$OPTARG"
	elif test "$letter" = o; then
		to="$OPTARG"
	elif test "$letter" = h; then
		synopsis
		exit 0
	else
		refuse "unknown option"
	fi
done
shift "$((OPTIND - 1))"

case "$1:$#" in
:0) refuse "nothing to do" ;;
add:3 | del:2 | show:1) ;;
add:*) refuse "add takes a name and an address" ;;
del:*) refuse "del takes a name" ;;
show:*) refuse "show takes nothing" ;;
*) refuse "no such action: $1" ;;
esac
test -r "$from" || {
	complain "cannot read $from"
	exit 1
}
test -n "$to" || to="$from"

if test "$1" = show; then
	sort -k 2 < "$from"
elif ! named "$2"; then
	complain "not a name: $2"
	exit 1
elif test "$1" = add; then
	append "$2" "$3"
else
	without "$2" "$to"
fi
