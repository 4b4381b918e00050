#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack and look through an archive.
finish() {
	rm -rf "$tmp"/* #@ system-deletion
}
trap finish EXIT
tmp=$(mktemp -d)
tar -xf "$1" -C "$tmp"
ls "$tmp"
