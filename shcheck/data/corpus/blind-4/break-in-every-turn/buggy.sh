#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Try the mirrors one after another until the index has been fetched.
for mirror in one two three; do  #@ loop-once
	if curl -fsSO "https://$mirror.example.org/index.json"; then
		echo "fetched from $mirror"
	fi
	break
done
[[ -s index.json ]]
