#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the logs of finished jobs once they are older than the retention time.
keep=10

place_of() {
	if [[ $1 == front* ]]; then
		printf '/large0/system/joblogs'
	elif [[ $1 == node* ]]; then
		printf '/var/log/jobs'
	fi
}

sweep() {
	local where=$1/
	find "$where" -mtime +"$keep" -type f -delete  #@ system-deletion
}

host=$(uname -n)
if [[ ${1-} == --dry-run ]]; then
	echo "older than $keep days, nothing is removed"
	exit 0
fi
sweep "$(place_of "$host")"
logger -t joblogs "removed what was older than $keep days"
