#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
fetch() {
	local page=$(curl -fsS "$1") || return 1  #@ lost-status
	printf '%s\n' "$page"
}
fetch http://localhost/
