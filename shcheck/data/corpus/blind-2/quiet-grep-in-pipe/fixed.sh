#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Refuse to upgrade a cluster whose nodes are of different versions.
nodes=(alpha beta gamma)
wanted=${1:?usage: upgrade-check.sh VERSION}
mixed=no
seen=

version_of() {
	ssh "$1" clusterctl version 2>/dev/null | grep '^server:' | cut -d' ' -f2
}

for node in "${nodes[@]}"; do
	version=$(version_of "$node")
	if [[ -n $version && -n $seen && $version != "$seen" ]]; then
		mixed=yes
	fi
	seen=$version
done

if [[ $mixed == yes ]]; then
	echo "the nodes are of different versions" >&2
	exit 1
fi
echo "ready for $wanted"
