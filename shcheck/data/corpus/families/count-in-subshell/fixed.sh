#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Fail when a file is too large.
bad=0
while read -r f; do
	echo "too large: $f"
	bad=1
done < <(find /srv/data -size +1G)
[ "$bad" -eq 0 ] || exit 1
