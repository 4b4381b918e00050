#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
fetch() {
	local body=$(curl -fsS "$1")
	if [ $? -ne 0 ]; then  #@ lost-status
		echo "cannot fetch $1" >&2
		return 1
	fi
	printf '%s\n' "$body"
}
fetch http://localhost/status
