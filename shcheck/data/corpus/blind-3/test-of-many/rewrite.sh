#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Tell the admins when a service has left core files.
place=/var/crash/cores
test -d "$place" || exit 0

left_some() {
	test -f $1  #@ glob
}

report() {
	mail -s "core files on $(uname -n)" ops@example.org < <(ls -l "$place")
	mkdir -p "$place/reported"
	mv "$place"/core.* "$place/reported/"
}

if left_some "$place/core.*"; then
	report
else
	echo "no core files"
fi
