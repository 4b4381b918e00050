#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Shorten the logs of the mail gateway to their last lines every night.
LOGS=/var/log/gateway
LINES=5000
ARCHIVE=$LOGS/archive
failed=0

announce() {
	logger -t trim-logs "$1"
}

size_of() {
	wc -c <"$1"
}

keep_errors() {
	grep -e ' ERROR ' -e ' FATAL ' "$1" | gzip -c >"$ARCHIVE/$2.errors.gz"
}

if [ ! -d "$LOGS" ]; then
	echo "trim-logs: $LOGS is missing" >&2
	exit 1
fi
mkdir -p "$ARCHIVE" || exit 1

for log in "$LOGS"/*.log; do
	if [ ! -f "$log" ]; then
		continue
	fi
	name=$(basename "$log" .log)
	before=$(size_of "$log") || continue
	if [ "$before" -lt 1048576 ]; then
		announce "$name is small enough"
		continue
	fi
	keep_errors "$log" "$name"
	if ! tail -n "$LINES" "$log" >"$log"; then  #@ data-loss
		announce "$name cannot be shortened"
		failed=1
		continue
	fi
	announce "$name had $before bytes and has $(size_of "$log")"
done

if systemctl is-active --quiet gateway; then
	systemctl kill --signal=HUP gateway
fi
exit "$failed"
