#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Compare the packages of two hosts and retire the second if they are alike.
first=${1:?usage: retire-twin FIRST SECOND}
second=${2:?usage: retire-twin FIRST SECOND}

if [[ $first == -* || $second == -* || $first == "$second" ]]; then
	exit 64
fi

list='dpkg-query -W'
of_first=$(ssh -n "$first" "$list") || exit 1
of_second=$(ssh -n "$second" "$list") || exit 1
if [[ $of_first != "$of_second" ]]; then
	echo "they differ" >&2
	exit 1
fi
echo "$second is a twin of $first"
ssh -n "$second" systemctl poweroff
