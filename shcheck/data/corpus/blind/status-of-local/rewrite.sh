#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
fetch() {
	declare body="$(curl -fsS "$1")"
	rc=$?
	if (( rc != 0 )); then  #@ lost-status
		return 1
	fi
	printf '%s\n' "$body"
}
fetch http://localhost/status
