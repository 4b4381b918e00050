#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack an archive, on wish into a folder of its own.
unpack() {
	set -- "$1" -x ${2:+--keep-newer-files} -C $2 -f  #@ empty-expansion
	file=$1
	shift
	tar "$@" "$file"
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
