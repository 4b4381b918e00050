#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the temporary files of the editors below a project.
[ -n "$1" ] || exit 64
backups() {
	find "$1"/ -name '*~' -type f
}

rm -f `backups "$1"`  #@ word-split
printf '%s is tidy\n' "$1"
