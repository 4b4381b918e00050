#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the viewer with the libraries that came with it.
base=/opt/viewer
LD_LIBRARY_PATH=$base/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

if [ "$1" = --version ]; then
	cat "$base/VERSION"
	exit 0
fi
if [ ! -x "$base/bin/viewer" ]; then
	echo "$base/bin/viewer is missing" >&2
	exit 127
fi
exec "$base/bin/viewer" --no-update "$@"
