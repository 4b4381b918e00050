#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Run the import and keep its log.
today=$(date +%F)
mkdir -p /var/log/import || exit 1

run() {
	import-orders --verbose --from /srv/incoming
}

if test ! -d /srv/incoming; then
	echo "nothing came in" >&2
	exit 0
fi
errors=/var/log/import/$today.log
run > "/var/log/import/$today.log" 2> "$errors"  #@ data-loss
result=$?
(( result == 0 )) || mail -s "import failed" ops@example.org < "$errors"
exit $result
