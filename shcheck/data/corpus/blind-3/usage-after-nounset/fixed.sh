#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Create a branch for a ticket.
set -eu

if [[ -z ${1-} ]]; then
	echo "usage: ${0##*/} TICKET" >&2
	exit 64
fi
if [[ ! $1 =~ ^[A-Z]+-[0-9]+$ ]]; then
	echo "$1 is no ticket" >&2
	exit 65
fi

git fetch origin
git switch --create "ticket/$1" origin/main
git push --set-upstream origin "ticket/$1"
