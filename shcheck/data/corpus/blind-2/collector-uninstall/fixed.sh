#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Uninstall the metrics collector. Runs as root.
prog=${0##*/}
conf=/etc/collector/collector.conf
unit=/etc/systemd/system/collector.service
dry_run=no
keep_data=no
assume_yes=no

usage() {
	cat <<END
usage: $prog [-k] [-n] [-y]
  -k  keep the data
  -n  only say what would be done
  -y  do not ask
END
}

say() {
	printf '%s: %s\n' "$prog" "$*"
}

die() {
	say "$@" >&2
	exit 1
}

run() {
	if [ "$dry_run" = yes ]; then
		say "would run: $*"
		return 0
	fi
	"$@"
}

confirm() {
	[ "$assume_yes" = yes ] && return 0
	printf '%s [y/N] ' "$1"
	read -r answer || return 1
	case $answer in
	[yY]*) return 0 ;;
	esac
	return 1
}

stop_service() {
	if [ -f "$unit" ]; then
		run systemctl disable --now collector.service || say "could not stop the service"
		run rm -f "$unit"
		run systemctl daemon-reload
	fi
}

remove_program() {
	run rm -f /usr/local/bin/collector /usr/local/bin/collectorctl
	run rm -f /usr/local/share/man/man8/collector.8
}

remove_data() {
	if [ "$dry_run" = yes ]; then
		say "would empty $STATE_DIR"
		return 0
	fi
	say "emptying $STATE_DIR"
	rm -rf "$STATE_DIR"/*
}

while getopts knyh opt; do
	case $opt in
	k) keep_data=yes ;;
	n) dry_run=yes ;;
	y) assume_yes=yes ;;
	h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
if [ $# -ne 0 ]; then
	usage >&2
	exit 2
fi
[ "$(id -u)" -eq 0 ] || die "must be run as root"

# The administrator may have moved the data; the file says where to.
STATE_DIR=/var/lib/collector
if [ -r "$conf" ]; then
	. "$conf"
fi
case $STATE_DIR in
*..*) die "not a data folder: $STATE_DIR" ;;
/var/lib/?* | /srv/?*) ;;
*) die "not a data folder: $STATE_DIR" ;;
esac

confirm "Remove the collector from this machine?" || die "nothing was removed"
stop_service
remove_program
if [ "$keep_data" = no ]; then
	remove_data
fi
say "done"
