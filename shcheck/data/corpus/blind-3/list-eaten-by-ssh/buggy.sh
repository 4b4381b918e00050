#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Update all hosts of a list.
hosts=${1:-/etc/fleet/hosts}
failed=()

if [[ ! -r $hosts ]]; then
	echo "cannot read $hosts" >&2
	exit 1
fi
while IFS= read -r host; do
	[[ $host =~ ^[a-z0-9.]+$ ]] || continue
	echo "updating $host"
	ssh "$host" 'apt-get update -q && apt-get upgrade -qy' || failed+=("$host")  #@ reads-stdin
done <"$hosts"

printf 'failed: %s\n' "${failed[@]}"
exit "$(( ${#failed[@]} > 0 ))"
