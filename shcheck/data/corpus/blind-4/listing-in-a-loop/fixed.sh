#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Give every scan in the inbox its number.
cd /srv/scans/inbox || exit 1
number=1000
for scan in *; do
	[[ -f $scan ]] || continue
	mv -n -- "$scan" "../numbered/$number.pdf"
	number=$((number + 1))
done
