#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Show what differs between the two sites.
(( $# == 2 )) || {
	echo 'usage: compare-sites FIRST SECOND' >&2
	exit 64
}

alias get_site="curl --fail --silent --show-error --location --max-time 20"

show() {
	get_site "https://$1/index.html"  #@ not-a-command
}

one=$(show "$1") || exit 1
two=$(curl -fsSL --max-time 20 "https://$2/index.html") || exit 1
if [[ $one == "$two" ]]; then
	echo "the same"
else
	diff -u <(printf '%s\n' "$one") <(printf '%s\n' "$two")
fi
