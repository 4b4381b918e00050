#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Add, remove and tidy entries of a hosts list.
prog=${0##*/}
list=/etc/hosts.d/lab
out=
action=
name=
address=
quiet=no

usage() {
	cat <<END
usage: $prog [-q] [-f LIST] [-o OUT] add NAME ADDRESS
       $prog [-q] [-f LIST] [-o OUT] del NAME
       $prog [-q] [-f LIST] show
END
}

warn() {
	printf '%s: %s\n' "$prog" "$1" >&2
}

bad_usage() {
	warn "$1"
	usage >&2
	exit 2
}

say() {
	[ "$quiet" = yes ] || printf '%s\n' "$1"
}

while getopts qf:o:h opt; do
	case $opt in
	q) quiet=yes ;;
	f) list=$OPTARG ;;
	o) out=$OPTARG ;;
	h)
		usage
		exit 0
		;;
	*) bad_usage "unknown option" ;;
	esac
done
shift $((OPTIND - 1))

[ $# -gt 0 ] || bad_usage "nothing to do"
action=$1
shift
case $action in
add)
	[ $# -eq 2 ] || bad_usage "add takes a name and an address"
	name=$1
	address=$2
	;;
del)
	[ $# -eq 1 ] || bad_usage "del takes a name"
	name=$1
	;;
show)
	[ $# -eq 0 ] || bad_usage "show takes nothing"
	;;
*) bad_usage "no such action: $action" ;;
esac

if [ ! -r "$list" ]; then
	warn "cannot read $list"
	exit 1
fi
: "${out:=$list}"

valid_name() {
	case $1 in
	'' | *[!a-z0-9.-]*) return 1 ;;
	esac
}

show() {
	sort -k2 "$list"
}

add() {
	if grep -q "[[:space:]]$1\$" "$list"; then
		warn "$1 is there already"
		return 1
	fi
	printf '%s\t%s\n' "$2" "$1" >>"$list"
	say "added $1"
}

del() {
	rest=$(mktemp) || return 1
	awk -v name="$1" '$2 != name' "$list" >"$rest" && cat "$rest" >"$out"
	rm -f "$rest"
	say "removed $1"
}

if [ "$action" = show ]; then
	show
	exit 0
fi
if ! valid_name "$name"; then
	warn "not a name: $name"
	exit 1
fi
case $action in
add) add "$name" "$address" ;;
del) del "$name" ;;
esac
