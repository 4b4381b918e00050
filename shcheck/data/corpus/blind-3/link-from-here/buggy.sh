#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make the tools of this checkout known to the user.
bin=$HOME/.local/bin

if [ ! -x tools/gauge ]; then
	echo "run this from the top of the checkout" >&2
	exit 1
fi
mkdir -p "$bin" || exit 1
rm -f "$bin/gauge"
ln -s tools/gauge "$bin/gauge"  #@ path-state
case :$PATH: in
*:"$bin":*) ;;
*) echo "put $bin into PATH" ;;
esac
