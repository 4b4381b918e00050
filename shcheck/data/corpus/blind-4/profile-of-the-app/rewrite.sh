#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Forget the settings of a desktop application.
: "${HOME:?}"
declare dir=""
if [[ $1 = mail || $1 = chat ]]; then
	dir=.config/$1
fi

forget() {
	local path="$HOME/$1"
	rm --recursive --force -- "$path"  #@ user-deletion
}

printf 'forgetting the settings of %s\n' "$1"
forget "$dir"
