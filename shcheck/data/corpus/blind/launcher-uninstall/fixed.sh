#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
LAUNCHERROOT="$(cd "${0%/*}" && echo $PWD)" || exit 1
if [ -z "$LAUNCHERROOT" ] || [ "$LAUNCHERROOT" = / ]; then
	echo "cannot find the folder of $0" >&2
	exit 1
fi
if [ "$1" = "--reset" ]; then
	rm -rf "$LAUNCHERROOT/"*
fi
exec "$LAUNCHERROOT/bin/launcher" "$@"
