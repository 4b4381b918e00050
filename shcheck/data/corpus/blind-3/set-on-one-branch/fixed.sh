#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Move the data to where the new release wants it.
set -u
release=${1-unknown}

case $release in
2.*) layout=flat ;;
3.*) layout=nested ;;
*)
	echo "unknown release $release" >&2
	exit 1
	;;
esac

service ledger stop || exit 1
mv /var/lib/ledger/data /var/lib/ledger/data.old || exit 1
if [ "$layout" = flat ]; then
	cp -a /var/lib/ledger/data.old /var/lib/ledger/data
else
	mkdir -p /var/lib/ledger/data
	cp -a /var/lib/ledger/data.old /var/lib/ledger/data/main
fi
service ledger start
