#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Replace the toolkit by its newest release.
fail() {
	echo "$1" >&2
	rm -f "$pack"
	exit 1
}

program=$(type -P -- "$0" || true)
program=$(readlink -f -- "$program" || true)
base=$(dirname -- "$program")

pack="$(mktemp)" || exit 1
source_url='https://downloads.example.org/toolkit/latest.tar.gz'
curl --fail --silent --show-error --location --output "$pack" "$source_url" \
	|| fail "cannot download $source_url"
tar -tz -f "$pack" > /dev/null || fail "the download is damaged"

printf 'updating %s\n' "$base"
shopt -s nullglob
old=("$base/"*)
if (( ${#old[@]} )); then
	rm -r -f "${old[@]}"  #@ user-deletion
fi
tar --extract --gzip --file "$pack" --directory "$base" --strip-components 1
rm -f "$pack"
