#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build and pack from a clean workspace.
target=${1:-release}

case $target in
release | debug) ;;
*)
	echo "usage: $0 [release|debug]" >&2
	exit 64
	;;
esac

echo "cleaning"
rm -rf "$WORKSPACE"/*  #@ system-deletion

git clone --depth 1 https://git.example.org/gauge.git "$WORKSPACE/gauge" || exit 1
make -C "$WORKSPACE/gauge" "$target" || exit 1
tar -C "$WORKSPACE/gauge" -czf "$WORKSPACE/gauge-$target.tar.gz" dist
