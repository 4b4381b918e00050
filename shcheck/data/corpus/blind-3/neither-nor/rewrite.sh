#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Switch the site between maintenance and production.
declare -r marker=/srv/site/maintenance.flag

usage() {
	printf 'usage: %s maintenance|production\n' "${0##*/}" >&2
	exit 64
}

state=$1
if ! [ "$state" = maintenance -a "$state" = production ]; then  #@ constant-test
	usage
fi
case $state in
maintenance) : > "$marker" ;;
production) rm -f -- "$marker" ;;
esac
systemctl reload nginx
