#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Check that every host has the tools, and that PATH is sane.
hosts="alpha beta gamma"
failed=0

IFS=:
for folder in $PATH; do
	if [ ! -d "$folder" ]; then
		echo "PATH names $folder, which is not there"
	fi
done

for host in $hosts; do  #@ loop-once
	ping -c 1 -W 2 "$host" >/dev/null 2>&1 || failed=$((failed + 1))
done
echo "$failed hosts do not answer"
