#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Verify a signature; tell a bad one from one whose key is unknown.
gpg --verify "$1.sig" "$1"
status=$?
if [ "$status" -eq 0 ]; then
	echo "good"
elif [ "$status" -eq 2 ]; then
	echo "the key is unknown" >&2
	exit 2
else
	echo "bad" >&2
	exit 1
fi
