#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the logs of finished jobs once they are older than the retention time.
days=10
dry=false

case $(uname -n) in
front*) logs=/large0/system/joblogs ;;
node*) logs=/var/log/jobs ;;
esac

if [[ ${1-} == --dry-run ]]; then
	dry=true
fi

if [[ $dry == true ]]; then
	printf 'older than %s days, nothing is removed\n' "$days"
	exit 0
fi
find "$logs/" -type f -mtime "+$days" -delete  #@ system-deletion
logger -t joblogs "removed what was older than $days days"
