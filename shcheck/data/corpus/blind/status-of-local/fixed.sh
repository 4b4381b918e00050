#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
fetch() {
	local body
	if ! body=$(curl -fsS "$1"); then
		echo "cannot fetch $1" >&2
		return 1
	fi
	printf '%s\n' "$body"
}
fetch http://localhost/status
