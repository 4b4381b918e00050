#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Convert the recordings that are named in a list.
convert_one() {
	local to=./${1%.wav}.opus
	ffmpeg -loglevel error -y -i ./"$1" "$to"  #@ reads-stdin
}

cd /srv/recordings && cat list.txt | while read -r name; do
	if [ -f "$name" ]; then
		convert_one "$name"
	fi
done
