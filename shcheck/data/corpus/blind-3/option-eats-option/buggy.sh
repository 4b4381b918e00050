#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack an archive, on wish into a folder of its own.
archive=$1
folder=$2

if [ -z "$archive" ]; then
	echo "usage: $0 ARCHIVE [FOLDER]" >&2
	exit 64
fi
if [ -n "$folder" ]; then
	mkdir -p "$folder" || exit 1
fi

tar -C $folder -xf "$archive"  #@ empty-expansion
status=$?
echo "tar has ended with $status"
exit "$status"
