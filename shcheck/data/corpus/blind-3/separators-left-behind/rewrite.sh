#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Check that every host has the tools, and that PATH is sane.
missing=0
all='alpha beta gamma'

check_path() {
	IFS=':'
	set -- $PATH
	for d in "$@"; do
		test -d "$d" || echo "PATH names $d, which is not there"
	done
}

check_hosts() {
	for h in $all; do  #@ loop-once
		if ! ping -c 1 -W 2 "$h" > /dev/null 2>&1; then
			missing=$((missing + 1))
		fi
	done
}

check_path
check_hosts
echo "$missing hosts do not answer"
