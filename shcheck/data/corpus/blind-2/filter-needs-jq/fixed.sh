#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Print the names of the containers that restart again and again.
limit=${1:-3}
have_jq=no

if hash jq 2>/dev/null; then
	have_jq=yes
fi

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

[[ $limit =~ ^[0-9]+$ ]] || die "not a number: $limit"
all=$(curl -fsS --unix-socket /run/containers.sock http://localhost/list) ||
	die "the container service does not answer"

if [[ $have_jq == yes ]]; then
	jq -r --argjson n "$limit" '.[] | select(.restarts > $n) | .name' <<<"$all"
else
	tr '{' '\n' <<<"$all" | sed -n 's/.*"name":"\([^"]*\)","restarts":\([0-9]*\).*/\2 \1/p' |
		while read -r restarts name; do
			((restarts > limit)) && echo "$name"
		done
fi
