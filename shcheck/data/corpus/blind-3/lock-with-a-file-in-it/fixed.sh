#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Mirror the archive; never twice at a time.
lock=/run/lock/mirror
target=/srv/mirror

if ! mkdir "$lock"; then
	echo "already running as $(cat "$lock/pid")" >&2
	exit 0
fi
echo "$$" >"$lock/pid"

mkdir -p "$target"
rsync -a rsync://archive.example.org/all/ "$target/"
status=$?
date >"$target/last-run"
rm -f "$lock/pid"
rmdir "$lock"
exit "$status"
