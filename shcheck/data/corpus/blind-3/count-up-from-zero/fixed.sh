#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Check the licences of all sources.
set -e
checked=0
missing=()

for source in src/*.c src/*.h; do
	[[ -f $source ]] || continue
	checked=$((checked + 1))
	if ! head -n 3 "$source" | grep -q SPDX; then
		missing+=("$source")
	fi
done

printf '%d checked, %d without a licence\n' "$checked" "${#missing[@]}"
if (( ${#missing[@]} > 0 )); then
	printf '%s\n' "${missing[@]}"
	exit 1
fi
