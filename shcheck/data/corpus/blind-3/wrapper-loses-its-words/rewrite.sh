#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the viewer with the libraries that came with it.
base=/opt/viewer
case $1 in
--version)
	cat "$base/VERSION"
	exit 0
	;;
esac
program="$base/bin/viewer"
test -x "$program" || {
	echo "$program is missing" >&2
	exit 127
}

files="$*"
LD_LIBRARY_PATH="$base/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
set -- "$program" --no-update
exec "$@" $files  #@ word-split
