#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack the logs of the gateway by month.
conf=/etc/gateway/pack.conf
logs=/var/log/gateway

if [[ ! -d $logs ]]; then
	exit 0
fi
archive=$(sed -n 's/^archive=//p' "$conf")
if [[ $archive != /* ]]; then
	echo "no archive in $conf" >&2
	exit 1
fi
echo "packing $logs"
tar -czf "$archive" "$logs"/*.log
status=$?
if (( status != 0 )); then
	echo "tar: status $status" >&2
fi
exit "$status"
