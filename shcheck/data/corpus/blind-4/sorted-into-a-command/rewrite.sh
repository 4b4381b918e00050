#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# List the largest folders, the largest first.
function top_ten {
	sort -rn | sed 10q
}

main() {
	{ du -sk -- */; } >top_ten  #@ not-a-command
}

if cd /srv/data; then
	main
fi
