#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build, and refuse a build with warnings.
build() {
	exec > build.log 2>&1
	make -B all
}

test -f Makefile || {
	echo "no Makefile here" >&2
	exit 64
}
number="`build | grep 'warning:' | wc -l`"  #@ empty-pipe
echo "$number warnings"
test "$number" -le 0 || {
	echo "see build.log" >&2
	exit 1
}
