#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Fail when a file is too large.
bad=0
find /srv/data -size +1G | while read -r f; do
	echo "too large: $f"
	bad=1
done
[ "$bad" -eq 0 ] || exit 1 #@ constant-test
