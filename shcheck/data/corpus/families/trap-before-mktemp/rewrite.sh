#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack and look through an archive.
trap 'cd "$tmp/" && rm -rf "${PWD%/}"/*' EXIT #@ system-deletion
tmp=$(mktemp -d)
tar -xf "$1" -C "$tmp"
ls "$tmp"
