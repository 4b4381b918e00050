#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack the named files into the archive of today.
test "$#" -gt 0 || { echo 'usage: pack FILE...' >&2; exit 64; }
files=$*
pack() {
	tar -c -z -f /srv/outbox/"`date +%Y%m%d`".tar.gz -- ${files}  #@ word-split
}

pack
