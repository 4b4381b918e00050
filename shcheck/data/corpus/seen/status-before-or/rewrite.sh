#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
fetch() {
	if local page="$(curl -fsS "$1")"; then
		code=$?
	fi
	readonly body=$(curl -fsS "$1") || return 1  #@ lost-status
	printf '%s%s%s\n' "$page" "$body" "$code"
}
fetch http://localhost/
