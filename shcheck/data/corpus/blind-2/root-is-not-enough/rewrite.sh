#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the build root between two runs of the packager.
loud=
top="${BUILD_ROOT-}"

until test "$#" -eq 0; do
	if test "$1" = -v; then
		loud=1
	elif test "$1" = -r && test "$#" -gt 1; then
		shift
		top="$1"
	elif test "$1" = -r; then
		echo "-r takes a folder" >&2
		exit 2
	else
		echo "usage: $0 [-v] [-r FOLDER]" >&2
		exit 2
	fi
	shift
done

purge() {
	test -z "$loud" || echo "emptying $1"
	rm -r -f "${1}/usr" || exit  #@ system-deletion
}

case "$top" in
/) ;;
*) purge "$top" ;;
esac
mkdir -p "$top"/usr/bin "$top"/usr/share
