#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
dir=$1
if [ -z "$dir" ]; then
	echo "usage: wipe DIR" >&2
	exit 2
fi
rm -rf "$dir"/*
