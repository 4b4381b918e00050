#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Make the queues of the workers.
workers=4
if (( $# )); then
	workers=$1
fi
case $workers in
[1-9] | [1-9][0-9]) ;;
*)
	echo "not a count: $workers" >&2
	exit 64
	;;
esac

install_worker() {
	mkdir -p "/var/spool/workers/queue-$1"
	chown worker:worker "/var/spool/workers/queue-$1"
	systemctl enable --now "worker@$1.service"
}

first=1
for n in {$first..$workers}; do  #@ loop-once
	install_worker "$n"
done
echo "$workers workers"
