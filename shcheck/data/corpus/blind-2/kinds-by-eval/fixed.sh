#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Clean the folders of the renderer: cache, logs, temporary files.
cache_dir=/var/cache/renderer
log_dir=/var/log/renderer
temp_dir=/var/tmp/renderer

say() {
	printf '%s\n' "$*"
}

clean() {
	eval "dir=\$${1}_dir"
	say "cleaning $1"
	rm -rf "$dir"/*
}

if pgrep -x renderer >/dev/null; then
	say "the renderer is running" >&2
	exit 1
fi
for kind in cache log temp; do
	clean "$kind"
done
say "clean"
