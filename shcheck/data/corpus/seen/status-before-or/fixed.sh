#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
fetch() {
	local page
	page=$(curl -fsS "$1") || return 1
	printf '%s\n' "$page"
}
fetch http://localhost/
