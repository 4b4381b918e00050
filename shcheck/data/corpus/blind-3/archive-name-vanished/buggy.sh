#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack the logs of the gateway by month.
conf=/etc/gateway/pack.conf
logs=/var/log/gateway

if [[ ! -d $logs ]]; then
	exit 0
fi
archive=$(sed -n 's/^archive=//p' "$conf")
echo "packing $logs"
tar -czf $archive "$logs"/*.log  #@ data-loss
status=$?
if (( status != 0 )); then
	echo "tar: status $status" >&2
fi
exit "$status"
