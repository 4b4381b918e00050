#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the build root between two runs of the packager.
set -e
root=${BUILD_ROOT:-}
verbose=no

while [ $# -gt 0 ]; do
	case $1 in
	-v) verbose=yes ;;
	-r)
		[ $# -ge 2 ] || { echo "-r takes a folder" >&2; exit 2; }
		root=$2
		shift
		;;
	*)
		echo "usage: $0 [-v] [-r FOLDER]" >&2
		exit 2
		;;
	esac
	shift
done

if [ "$root" != / ]; then
	if [ "$verbose" = yes ]; then
		echo "emptying $root"
	fi
	rm -rf "$root/usr"  #@ system-deletion
fi
mkdir -p "$root/usr/bin" "$root/usr/share"
