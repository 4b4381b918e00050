#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack an archive, on wish into a folder of its own.
unpack() {
	file=$1
	target=$2
	tar -x -C $target --file="$file"  #@ empty-expansion
}

case $# in
1) ;;
2) mkdir -p "$2" || exit 1 ;;
*)
	echo "usage: $0 ARCHIVE [FOLDER]" >&2
	exit 64
	;;
esac
unpack "$1" "$2"
code=$?
echo "tar has ended with $code"
exit $code
