#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Make the queues of the workers.
count=${1:-4}
root=/var/spool/workers

if [[ ! $count =~ ^[1-9][0-9]?$ ]]; then
	echo "not a count: $count" >&2
	exit 64
fi
for number in {1..$count}; do  #@ loop-once
	mkdir -p "$root/queue-$number"
	chown worker:worker "$root/queue-$number"
	systemctl enable --now "worker@$number.service"
done
echo "$count workers"
