#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Make a source archive of a tag in a folder of its own.
set -u
repo=https://git.example.org/tool.git
out=$HOME/dist
tag=${1:?usage: make-archive TAG}

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

require() {
	local tool
	for tool; do
		if ! command -v "$tool" >/dev/null; then
			say "$tool is not installed"
			exit 1
		fi
	done
}

require git tar xz sha256sum
[[ $tag == v[0-9]* ]] || {
	say "$tag is no release"
	exit 64
}

work=/var/tmp/archive-$tag
mkdir -p "$out" "$work"
trap 'cd / && rm -rf "$work"' EXIT
cd "$work" || exit 1

if ! git clone --quiet --depth 1 --branch "$tag" "$repo" "tool-${tag#v}"; then
	say "$tag cannot be fetched"
	exit 1
fi
rm -rf "tool-${tag#v}/.git"
if ! tar -cJf "$out/tool-${tag#v}.tar.xz" "tool-${tag#v}"; then
	say "the archive cannot be written"
	exit 1
fi
sha256sum "$out/tool-${tag#v}.tar.xz" >"$out/tool-${tag#v}.sha256"
say "$out/tool-${tag#v}.tar.xz is ready"
