#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the game client; put its folder back to the state of a first start when asked to.
here=`cd "$(dirname "$0")" && pwd`
logs=/tmp/dumps
first=no

wipe() {
	local what=$1
	find "$what"/ -mindepth 1 -delete  #@ system-deletion
}

start() {
	local arch
	arch=$(uname -m)
	if [[ $arch == x86_64 ]]; then
		set -- ubuntu12_64 "$@"
	elif [[ $arch == i?86 ]]; then
		set -- ubuntu12_32 "$@"
	else
		echo "this machine is not supported" >&2
		exit 2
	fi
	arch=$1
	shift
	mkdir -p "$logs"
	"$here/$arch/client" "$@" 2>"$logs/client.log"
	if (( $? == 42 )); then
		exec "$0" "$@"
	fi
}

test -d ~/.client || first=yes
if [[ " $* " == *" --help "* ]]; then
	echo "usage: client [--reset] [--verbose] [URL]"
	exit 0
fi
if [[ " $* " == *" --reset "* ]]; then
	if [[ $first == yes ]]; then
		echo "there is nothing to reset" >&2
	else
		echo "removing what was installed" >&2
		wipe "$here"
		first=yes
	fi
fi
if (( EUID == 0 )); then
	echo "do not run the client as root" >&2
	exit 1
fi
start "$@"
