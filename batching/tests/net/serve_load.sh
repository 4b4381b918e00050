#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# batching serve and batching load as a user starts them, over each back end: every request is answered once, the server
# stops when it is told to, and what is wrong is said. Usage: serve_load.sh PROGRAM
set -u
program=$1
folder=$(mktemp -d) || exit 99
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$folder"' EXIT
faults=0

fault()
{
	echo "FAULT: $*"
	faults=$((faults + 1))
}

# start OPTIONS: the server, in the background; its port is in $port, or it ended.
start()
{
	: >"$folder/said"
	"$program" serve --json "$@" >"$folder/served" 2>"$folder/said" &
	server=$!
	port=
	tries=0
	while [ -z "$port" ] && [ "$tries" -lt 600 ] && kill -0 "$server" 2>/dev/null; do
		port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$folder/said")
		[ -n "$port" ] || sleep 0.05
		tries=$((tries + 1))
	done
	[ -n "$port" ]
}

# stop: by SIGTERM; it must end with 0.
stop()
{
	kill -TERM "$server"
	wait "$server" || fault "serve ended with $? after SIGTERM: $(cat "$folder/said")"
	server=
}


compared=0
for backend in epoll uring uv; do
	if ! start --backend "$backend" --policy either --limit 8 --timer-ns 100000 --alpha-ns 1000 --beta-ns 2000; then
		if [ "$backend" = uring ]; then
			echo "left out: $(cat "$folder/said")"
		else
			fault "$backend: $(cat "$folder/said")"
		fi
		wait "$server" 2>/dev/null
		server=
		continue
	fi
	if ! "$program" load --port "$port" --backend "$backend" --rate 5000 --duration-ns 200000000 --connections 4 \
		--request-bytes 100 --reply-bytes 1000 --c-ns 1000 --policy drain --drain-ns 20000000000 --seed 3 --json \
		>"$folder/loaded" 2>"$folder/complaint"; then
		fault "$backend: load failed: $(cat "$folder/complaint")"
	fi
	stop
	scheduled=$(sed -n 's/.*"scheduled":\([0-9]*\).*/\1/p' "$folder/loaded")
	answered=$(sed -n 's/.*"answered":\([0-9]*\).*/\1/p' "$folder/loaded")
	requests=$(sed -n 's/.*"requests":\([0-9]*\).*/\1/p' "$folder/served")
	[ -n "$scheduled" ] && [ "$scheduled" -gt 500 ] && [ "$answered" = "$scheduled" ] && [ "$requests" = "$scheduled" ] ||
		fault "$backend: $scheduled scheduled, $answered answered, $requests served"
	grep -q '"schema":"batching.load/1","backend":"'"$backend"'"' "$folder/loaded" || fault "$backend: no batching.load/1"
	grep -q '"faults":0,"policy":{"name":"either"' "$folder/served" || fault "$backend: $(cat "$folder/served")"
	compared=$((compared + 1))
done
[ "$compared" -ge 2 ] || fault "only $compared back ends compared"

# Counters exchanged in band: both ends come to estimates, and no message is lost. Without BPF it is said.
if start --backend epoll --exchange --policy toggle; then
	"$program" load --port "$port" --rate 5000 --duration-ns 300000000 --connections 2 --exchange-ns 10000000 \
		--policy toggle --drain-ns 20000000000 --json >"$folder/loaded" 2>"$folder/complaint" ||
		fault "exchange: $(cat "$folder/complaint")"
	stop
	for side in loaded served; do
		grep -Eq '"exchange":{"tracking":"bpf-[a-z_]*","windows":[0-9]+,"undefined":[0-9]+,"end_to_end_ns":[0-9]' \
			"$folder/$side" || fault "exchange: $(cat "$folder/$side")"
	done
	grep -q '"faults":0,' "$folder/served" || fault "exchange: $(cat "$folder/served")"
	# A server that follows nothing answers without a queue: nothing is estimated, and nothing fails.
	if start; then
		"$program" load --port "$port" --rate 1000 --duration-ns 100000000 --exchange-ns 10000000 --json \
			>"$folder/loaded" 2>"$folder/complaint" || fault "one side: $(cat "$folder/complaint")"
		grep -q '"windows":0,"undefined":0,"end_to_end_ns":null' "$folder/loaded" ||
			fault "one side: $(cat "$folder/loaded")"
		stop
	fi
elif grep -q 'BPF' "$folder/said"; then
	wait "$server" && fault 'exchange without BPF ends with 0'
	echo "left out: $(cat "$folder/said")"
	server=
else
	fault "exchange: $(cat "$folder/said")"
fi

# A port that nobody listens at (tests beside this one take free ports), and one that is taken.
"$program" load --port 1 --rate 100 2>"$folder/complaint"
[ $? -eq 1 ] && grep -q 'cannot connect to 127.0.0.1' "$folder/complaint" || fault "gone: $(cat "$folder/complaint")"
if start; then
	"$program" serve --port "$port" 2>"$folder/complaint"
	[ $? -eq 1 ] && grep -q 'cannot listen at 127.0.0.1' "$folder/complaint" || fault "taken: $(cat "$folder/complaint")"
	# A server that dies in the middle is said so, not waited for.
	"$program" load --port "$port" --rate 100 --duration-ns 20000000000 2>"$folder/complaint" &
	client=$!
	sleep 0.3
	kill -9 "$server"
	wait "$client"
	[ $? -eq 1 ] && grep -Eq 'closed a connection|reset' "$folder/complaint" ||
		fault "killed: $(cat "$folder/complaint")"
	wait "$server" 2>/dev/null
	server=
else
	fault "serve: $(cat "$folder/said")"
fi
[ "$faults" -eq 0 ]
