#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Move the mail store of one account to the new layout.
set -euo pipefail

store=/srv/mail
spare=/srv/mail-next
account=
force=no
notify=postmaster

usage() {
	cat <<-END
	usage: ${0##*/} [-f] [-m ADDRESS] ACCOUNT
	  -f          migrate although the account is marked as done
	  -m ADDRESS  who is told of a failure (postmaster)
	END
}

log() {
	logger -t mail-migrate -- "$*"
	printf '%s\n' "$*"
}

fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

while getopts fm:h option; do
	case $option in
	f) force=yes ;;
	m) notify=$OPTARG ;;
	h)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
done
shift $((OPTIND - 1))
if (($# != 1)); then
	usage >&2
	exit 2
fi
account=$1
[[ $account =~ ^[a-z][a-z0-9]+$ ]] || fail "no such account: $account"

lock() {
	exec 9>"/run/lock/mail-$account"
	flock -n 9 || fail "$account is being migrated already"
}

done_before() {
	[[ $force == no && -e $spare/$account/.done ]]
}

copy_folder() {
	local from=$1 to=$2
	mkdir -p "$to"
	rsync -a --checksum "$from/" "$to/"
}

migrate() {
	local from=$store/$account to=$spare/$account
	log "copying $from"
	copy_folder "$from" "$to"
	chown -R "$account:mail" "$to"
	doveadm index -u "$account" '*'
	log "removing $from"
	rm -rf "$from"  #@ errexit-defeated
	touch "$to/.done"
}

[[ -d $store/$account ]] || fail "$account has no mail here"
lock
if done_before; then
	log "$account was done before"
	exit 0
fi
if ! migrate; then
	mail -s "migration of $account failed" "$notify" </dev/null
	exit 1
fi
log "$account is done"
