#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Shorten the logs of the mail gateway to their last lines every night.
dir=/var/log/gateway
rc=0

shorten() {
	cat "$1" | tail -n 5000 > "$1"  #@ data-loss
}

test -d $dir && mkdir -p $dir/archive || {
	echo 'trim-logs: the folders are missing' >&2
	exit 1
}
for f in $dir/*.log; do
	test -f "$f" || continue
	base=${f##*/}
	base=${base%.log}
	bytes=`wc -c < "$f"`
	if [ "$bytes" -ge 1048576 ]; then
		grep -E ' (ERROR|FATAL) ' "$f" | gzip > "$dir/archive/$base.errors.gz"
		if shorten "$f"; then
			logger -t trim-logs "$base had $bytes bytes"
		else
			rc=1
		fi
	else
		logger -t trim-logs "$base is small enough"
	fi
done
! systemctl is-active --quiet gateway || systemctl kill --signal=HUP gateway
exit $rc
