#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
here() {
	cd "${0%/*}" && echo $PWD
}
clean() {
	target=$1
	set -- "$target"/*
	rm -r -f "$@"  #@ system-deletion
}
ROOT=`here`
case $1 in
--reset) clean "$ROOT" ;;
esac
"$ROOT/bin/launcher" "$@"
