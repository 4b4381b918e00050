#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Fail when a file is too large.
bad=0
look() {
	while read -r f; do
		echo "too large: $f"
		((bad++))
	done
}
find /srv/data -size +1G | look
if ((bad > 0)); then #@ constant-test
	exit 1
fi
