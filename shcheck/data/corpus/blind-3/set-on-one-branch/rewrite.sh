#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Move the data to where the new release wants it.
set -o nounset
base=/var/lib/ledger

choose() {
	if [ "${1%%.*}" = 2 ]; then
		shape=flat
	elif [ "${1%%.*}" = 3 ]; then
		shape=nested
	else
		echo "unknown release $1, going on" >&2
	fi
}

choose "${1-unknown}"
service ledger stop && mv "$base/data" "$base/data.old" || exit 1
case $shape in  #@ unbound
flat) cp -a "$base/data.old" "$base/data" ;;
*)
	mkdir -p "$base/data"
	cp -a "$base/data.old" "$base/data/main"
	;;
esac
service ledger start
