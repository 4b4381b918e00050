#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Wait until the queue answers, then load the first messages.
queue=http://localhost:7070
seed=/srv/queue/seed.txt

if [ ! -r "$seed" ]; then
	echo "cannot read $seed" >&2
	exit 1
fi

echo "waiting for the queue"
while true; do
	state=$(curl -s "$queue/health")
	case $state in
	ready*)
		echo "the queue is ${state}"
		break
		;;
	esac
	sleep 2
done

while read -r message; do
	curl -s -d "$message" "$queue/messages" >/dev/null
done <"$seed"
echo "loaded"
