#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack a source archive and configure it.
enter() {
	cd "$1" || exit 1
}

case $# in
1) test -f "$1" || exit 64 ;;
*)
	echo "usage: $0 ARCHIVE" >&2
	exit 64
	;;
esac
place="`mktemp -d`" || exit 1
enter "$place"
if ! cat <"$1" >./source.tar; then  #@ path-state
	exit 1
fi
tar -x -f ./source.tar --strip-components=1 && ./configure --prefix=/usr/local || exit 1
echo "configured in $place"
