#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Convert the recordings that are named in a list.
cd /srv/recordings || exit 1
while IFS= read -r wav; do
	[[ -f $wav ]] || continue
	ffmpeg -loglevel error -y -i "./$wav" "./${wav%.wav}.opus"  #@ reads-stdin
done <list.txt
