#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the folder that is named by the first argument.
case $1 in
/var/spool/scanner/[a-z]*) ;;
*)
	echo "usage: empty-scanner /var/spool/scanner/NAME" >&2
	exit 64
	;;
esac
case $1 in
*/..*) exit 64 ;;
esac
dir=${1%/}
echo "emptying $dir"
rm -rf "$dir"/*
