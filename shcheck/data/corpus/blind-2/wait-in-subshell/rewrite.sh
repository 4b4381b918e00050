#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Wait until the queue answers, then load the first messages.
base='http://localhost:7070'
messages='/srv/queue/seed.txt'
test -r "$messages" || {
	echo "cannot read $messages" >&2
	exit 1
}

health() {
	curl -s "$base/health"
}

echo "waiting for the queue"
up=0
until test "$up" = 1; do  #@ loop-forever
	health | {
		while read -r state more; do
			case "$state" in
			ready)
				echo "the queue is ready: $more"
				up=1
				;;
			esac
		done
	}
	sleep 2
done

while read -r text; do
	curl -s --data "$text" "$base/messages" > /dev/null
done < "$messages"
echo "loaded"
