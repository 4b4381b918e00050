#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack and look through an archive.
tmp=$(mktemp -d) || exit 1
finish() {
	rm -rf "$tmp"
}
trap finish EXIT
tar -xf "$1" -C "$tmp"
ls "$tmp"
