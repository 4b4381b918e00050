#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the index of the mirror in a scratch folder and put it beside the packages.
mirror=/srv/mirror
keyring=/etc/mirror/keyring.gpg
lock=/run/lock/mirror-index
suites='stable testing'

note() {
	logger -t mirror-index "$*"
}

leave() {
	note "$1"
	exit 1
}

tmp=$(mktemp -d /var/tmp/index.XXXXXX) || exit 1
cleanup() {
	rm -rf "$tmp"
	rmdir "$lock"
}

mkdir "$lock" || exit 1
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

[ -r "$keyring" ] || leave "there is no keyring"
[ -d "$mirror/pool" ] || leave "there is no pool"

for suite in $suites; do
	if [ ! -d "$mirror/dists/$suite" ]; then
		note "there is no suite $suite"
		continue
	fi
	if ! apt-ftparchive packages "$mirror/pool/$suite" >"$tmp/Packages"; then
		leave "the packages of $suite cannot be listed"
	fi
	gzip -9 -c "$tmp/Packages" >"$tmp/Packages.gz" || leave "the disk is full"
	if ! gpg --keyring "$keyring" --batch --yes --detach-sign "$tmp/Packages.gz"; then
		leave "the index of $suite cannot be signed"
	fi
	mv -f "$tmp/Packages.gz" "$mirror/dists/$suite/Packages.gz"
	mv -f "$tmp/Packages.gz.sig" "$mirror/dists/$suite/Packages.gz.sig"
	note "the index of $suite is new"
done
