#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Create a branch for a ticket.
set -o errexit -o nounset

die() {
	echo "$2" >&2
	exit "$1"
}

ticket="$1"  #@ unbound
if test "$ticket" = ''; then
	die 64 "usage: ${0##*/} TICKET"
fi
[[ "$ticket" =~ ^[A-Z]+-[0-9]+$ ]] || die 65 "$ticket is no ticket"

git fetch origin
branch="ticket/$ticket"
git switch -c "$branch" origin/main
git push -u origin "$branch"
