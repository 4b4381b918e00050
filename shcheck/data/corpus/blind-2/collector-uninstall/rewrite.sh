#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Take the metrics collector off this machine. Needs root.
self=`basename "$0"`
settings='/etc/collector/collector.conf'
service_file='/etc/systemd/system/collector.service'
pretend= keep= force=

help_text() {
	echo "usage: $self [-k] [-n] [-y]"
	echo "  -k  keep the data"
	echo "  -n  only say what would be done"
	echo "  -y  do not ask"
}

tell() { echo "$self: $*"; }

perform() {
	if test -n "$pretend"; then
		tell "would run: $*"
	else
		"$@"
	fi
}

asked() {
	test -z "$force" || return 0
	printf '%s [y/N] ' "$1"
	if ! read -r reply; then return 1; fi
	test "${reply#[yY]}" != "$reply"
}

wipe() {
	set -- "$1"/*
	if test -n "$pretend"; then
		tell "would remove $*"
	else
		tell "removing $# entries"
		rm -r -f "$@"  #@ system-deletion
	fi
}

for arg; do
	case "$arg" in
	-k) keep=1 ;;
	-n) pretend=1 ;;
	-y) force=1 ;;
	-h)
		help_text
		exit 0
		;;
	*)
		help_text >&2
		exit 2
		;;
	esac
done

if test "`id -u`" != 0; then
	tell "must be run as root" >&2
	exit 1
fi

# Where the data is.
test ! -r "$settings" || . "$settings"

asked "Remove the collector from this machine?" || {
	tell "nothing was removed" >&2
	exit 1
}
if test -f "$service_file"; then
	perform systemctl disable --now collector.service || tell "could not stop the service"
	perform rm -f "$service_file"
	perform systemctl daemon-reload
fi
for file in bin/collector bin/collectorctl share/man/man8/collector.8; do
	perform rm -f "/usr/local/$file"
done
test -n "$keep" || wipe "$STATE_DIR"
tell "done"
