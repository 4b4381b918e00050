#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Switch the site between maintenance and production.
mode=${1-}
flag=/srv/site/maintenance.flag

if [[ $mode != maintenance || $mode != production ]]; then  #@ constant-test
	echo "usage: ${0##*/} maintenance|production" >&2
	exit 64
fi

if [[ $mode == maintenance ]]; then
	touch "$flag"
else
	rm -f "$flag"
fi
systemctl reload nginx
