#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the launcher; --reset throws the local copy away and begins again.
LAUNCHERROOT="$(cd "${0%/*}" && echo $PWD)"
LAUNCHERDATA=~/.local/share/launcher

show_message() {
	printf '%s\n' "$2" >&2
}

reset_launcher() {
	if [ ! -x "$LAUNCHERROOT/launcher.sh" ]; then
		show_message --error "Cannot find the launcher"
		return 1
	fi
	rm -rf "$LAUNCHERDATA"
}

if [ "$1" = "--reset" ]; then
	reset_launcher
	# Scary!
	rm -rf "$LAUNCHERROOT/"*  #@ system-deletion
fi
exec "$LAUNCHERROOT/bin/launcher" "$@"
