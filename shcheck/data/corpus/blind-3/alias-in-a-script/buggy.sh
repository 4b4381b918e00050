#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Show what differs between the two sites.
first=${1:?usage: compare-sites FIRST SECOND}
second=${2:?usage: compare-sites FIRST SECOND}
alias fetch_page='curl -fsSL --max-time 20'

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fetch_page "https://$first/index.html" >"$work/first" || exit 1  #@ not-a-command
curl -fsSL --max-time 20 "https://$second/index.html" >"$work/second" || exit 1
if cmp -s "$work/first" "$work/second"; then
	echo "the same"
else
	diff -u "$work/first" "$work/second"
fi
