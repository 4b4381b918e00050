#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Fetch the signed index from whichever mirror answers.
mirrors=(
	https://one.example.org/index
	https://two.example.org/index
	https://three.example.org/index
)
index=/var/cache/index/current

fetch() {
	curl -fsS --max-time 20 -o "$index.new" "$1" &&
		curl -fsS --max-time 20 -o "$index.sig" "$1.sig"
}

mkdir -p "${index%/*}" || exit 1
answered=
for mirror in "${mirrors[@]}"; do
	if fetch "$mirror"; then
		answered=$mirror
		break
	fi
	echo "no answer from $mirror" >&2
done
if [[ -z $answered ]]; then
	echo "no mirror answers" >&2
	exit 1
fi
gpg --verify "$index.sig" "$index.new" || exit 1
mv "$index.new" "$index"
