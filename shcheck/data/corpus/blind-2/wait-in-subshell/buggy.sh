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
while true; do  #@ loop-forever
	curl -s "$queue/health" | while read -r word rest; do
		if [ "$word" = ready ]; then
			echo "the queue is ready: $rest"
			break 2
		fi
	done
	sleep 2
done

while read -r message; do
	curl -s -d "$message" "$queue/messages" >/dev/null
done <"$seed"
echo "loaded"
