#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Move the mail store of one account to the new layout.
set -e
set -u
set -o pipefail

again=
to_tell=postmaster

print_usage() {
	echo "usage: $(basename -- "$0") [-f] [-m ADDRESS] ACCOUNT"
	echo "  -f          migrate although the account is marked as done"
	echo "  -m ADDRESS  who is told of a failure (postmaster)"
}

tell() {
	logger -t mail-migrate -- "$1"
	echo "$1"
}

quit() {
	echo "$(basename -- "$0"): $1" >&2
	exit 1
}

while :; do
	case "${1-}" in
	-f)
		again=1
		shift
		;;
	-m)
		[ "$#" -ge 2 ] || { print_usage >&2; exit 2; }
		to_tell="$2"
		shift 2
		;;
	-h)
		print_usage
		exit 0
		;;
	*)
		break
		;;
	esac
done
[ "$#" -eq 1 ] || { print_usage >&2; exit 2; }
user="$1"
case "$user" in
'' | [!a-z]* | ? | *[!a-z0-9]*) quit "no such account: $user" ;;
esac

old="/srv/mail/${user}"
new="/srv/mail-next/${user}"
if [ ! -d "$old" ]; then
	quit "$user has no mail here"
fi
exec 9> "/run/lock/mail-${user}"
if ! flock -n 9; then
	quit "$user is being migrated already"
fi
if [ -z "$again" ] && [ -e "$new/.done" ]; then
	tell "$user was done before"
	exit 0
fi

carry() {
	tell "copying $1"
	mkdir -p "$2"
	rsync --archive --checksum "$1/" "$2/"
	chown -R "${user}:mail" "$2"
	doveadm index -u "$user" '*'
	tell "removing $1"
	rm -r -f "$1"  #@ errexit-defeated
	: > "$2/.done"
}

carry "$old" "$new" || {
	mail -s "migration of $user failed" "$to_tell" < /dev/null
	exit 1
}
tell "$user is done"
