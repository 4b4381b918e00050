#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Compare the packages of two hosts and retire the second if they are alike.
(( $# == 2 )) || exit 64
[[ $1 != -* && $2 != -* && $1 != "$2" ]] || exit 64

packages() {
	ssh -n "$1" 'dpkg-query -W'
}

cmp -s <(packages "$1") <(packages "$2") || {  #@ lost-status
	echo "they differ" >&2
	exit 1
}
echo "$2 is a twin of $1"
ssh -n "$2" systemctl poweroff
