#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Nightly: throw the finished snapshots of every host away once they are on tape.
volume=/mnt/snapshots
hosts=(atlas borealis cygnus)
log=/var/log/prune.log

note() {
	printf '%(%F %T)T %s\n' -1 "$*" >>"$log"
}

on_tape() {
	[[ -e /var/lib/tape/$1.done ]]
}

prune_host() {
	local host=$1
	cd "$volume/$host" || return 1
	note "pruning $host: $(ls | wc -l) entries"
	rm -rf ./*
	rm -f "/var/lib/tape/$host.done"
}

for host in "${hosts[@]}"; do
	if on_tape "$host"; then
		prune_host "$host"
	else
		note "skipping $host: not on tape"
	fi
done
