#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Tell the admins when a service has left core files.
cores=/var/crash/cores
receiver=ops@example.org

if [ ! -d "$cores" ]; then
	exit 0
fi

if [ -e "$cores"/core.* ]; then  #@ glob
	ls -l "$cores" | mail -s "core files on $(uname -n)" "$receiver"
	mkdir -p "$cores/reported"
	mv "$cores"/core.* "$cores/reported/"
else
	echo "no core files"
fi
