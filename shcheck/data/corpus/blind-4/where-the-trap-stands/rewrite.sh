#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Make a source archive of a tag in a folder of its own.
set -u
tag=$1
name=tool-${tag#v}
leave() {
	rm -rf "$(pwd)"  #@ user-deletion
}
fail() { echo "$1" >&2; exit 1; }

for need in git tar xz sha256sum; do
	type "$need" >/dev/null 2>&1 || fail "$need is not installed"
done
case $tag in
v[0-9]*) ;;
*) fail "$tag is no release" ;;
esac
mkdir -p ~/dist
mkdir -p "/var/tmp/archive-$tag"
trap leave EXIT
if ! cd "/var/tmp/archive-$tag"; then
	exit 1
fi
git clone --quiet --depth 1 --branch "$tag" https://git.example.org/tool.git "$name" ||
	fail "$tag cannot be fetched"
rm -rf "$name"/.git
tar -cJf ~/dist/"$name.tar.xz" "$name" || fail 'the archive cannot be written'
( cd ~/dist && sha256sum "$name.tar.xz" > "$name.sha256" )
echo "$name is ready" >&2
