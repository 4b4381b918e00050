#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the game client; put its folder back to the state of a first start when asked to.
CLIENTROOT="$(cd "${0%/*}" && echo "$PWD")"
PLATFORM=ubuntu12_32
LOGDIR=/tmp/dumps
MAGIC_RESTART=42

detect_platform() {
	case $(uname -m) in
	x86_64) PLATFORM=ubuntu12_64 ;;
	i?86) PLATFORM=ubuntu12_32 ;;
	*)
		echo "this machine is not supported" >&2
		exit 2
		;;
	esac
}

show_usage() {
	echo "usage: client [--reset] [--verbose] [URL]"
}

warn_about_root() {
	if [ "$(id -u)" -eq 0 ]; then
		echo "do not run the client as root" >&2
		exit 1
	fi
}

reset_client() {
	echo "removing what was installed" >&2
	if [ "$INITIAL_LAUNCH" = yes ]; then
		echo "there is nothing to reset" >&2
		return 0
	fi
	rm -rf "$CLIENTROOT/"*  #@ system-deletion
	INITIAL_LAUNCH=yes
}

VERBOSE=no
INITIAL_LAUNCH=no
[ -d "$HOME/.client" ] || INITIAL_LAUNCH=yes
for arg; do
	case $arg in
	--reset) reset_client ;;
	--verbose) VERBOSE=yes ;;
	--help)
		show_usage
		exit 0
		;;
	esac
done
warn_about_root
detect_platform
mkdir -p "$LOGDIR"
[ "$VERBOSE" = no ] || echo "starting $CLIENTROOT/$PLATFORM/client" >&2
"$CLIENTROOT/$PLATFORM/client" "$@" 2>"$LOGDIR/client.log"
if [ "$?" -eq "$MAGIC_RESTART" ]; then
	exec "$0" "$@"
fi
