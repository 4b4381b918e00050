#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the service only on the host that is active.
role=$(cat /etc/cluster/role) || exit 1
if [ "$role" != active ]; then
	echo "this host is passive" >&2
	exit 0
fi
systemctl start database
