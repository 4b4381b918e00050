#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# batching attach on an unmodified redis-server: its sockets are found, switched and restored, the server goes on, and
# what ends the attachment is said. Usage: attach.sh PROGRAM
set -u
program=$1
command -v redis-server >/dev/null && command -v redis-cli >/dev/null || {
	echo 'skip: needs redis-server and redis-cli'
	exit 77
}
folder=$(mktemp -d) || exit 99
server= client= attached=
trap 'for p in $server $client $attached; do kill -9 "$p" 2>/dev/null; done; rm -rf "$folder"' EXIT
faults=0

fault()
{
	echo "FAULT: $*"
	faults=$((faults + 1))
}

# await COMMAND...: until it succeeds, 20 s at most.
await()
{
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 400 ] || return 1
		sleep 0.05
	done
}

# answers: redis-server, or it has ended because somebody has its port.
answers()
{
	! kill -0 "$server" 2>/dev/null || grep -q 'Ready to accept' "$folder/redis"
}

attempt=0
while :; do
	port=$((20000 + ($$ + attempt * 4999) % 20000))
	redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" >"$folder/redis" 2>&1 &
	server=$!
	await answers && kill -0 "$server" 2>/dev/null && break
	kill -9 "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	attempt=$((attempt + 1))
	[ "$attempt" -lt 5 ] || {
		fault "redis-server does not start: $(tail -n 3 "$folder/redis")"
		exit 1
	}
done

# One client that stays, and works: a command every 10 ms.
(while echo 'incr n' && sleep 0.01; do :; done) 2>/dev/null | redis-cli -p "$port" >"$folder/answers" 2>&1 &
client=$!
await test -s "$folder/answers" || fault 'the client does not work'

"$program" attach --pid "$server" --port "$port" --policy nagle --duration-ns 1000000000 --json \
	>"$folder/json" 2>"$folder/said"
status=$?
if [ "$status" -ne 0 ] && grep -q 'may not be taken' "$folder/said"; then
	echo "skip: needs the right to ptrace"
	exit 77
fi
[ "$status" -eq 0 ] || fault "attach ended with $status: $(cat "$folder/said")"
grep -qE '"schema":"batching.attach/1","tracking":"(polling|bpf-fentry|bpf-tp_btf)","end":"time"' "$folder/json" ||
	fault "$(cat "$folder/json")"
grep -q '"sockets":1,"restored":1,' "$folder/json" || fault "not one socket, restored: $(cat "$folder/json")"
grep -q '"acked_bytes":0,' "$folder/json" && fault "nothing was acknowledged: $(cat "$folder/json")"

# Both ends, by each way of tracking that there is; the client is redis-cli.
for tracking in bpf polling; do
	"$program" attach --pid "$server" --peer-pid "$client" --switch both --port "$port" --policy toggle \
		--tracking "$tracking" --duration-ns 500000000 --json >"$folder/json" 2>"$folder/said"
	status=$?
	if [ "$tracking" = bpf ] && [ "$status" -eq 77 ] || grep -q 'BPF programs may not' "$folder/said"; then
		echo "without BPF: $(cat "$folder/said")"
		continue
	fi
	[ "$status" -eq 0 ] || fault "both ends by $tracking: $status: $(cat "$folder/said")"
	grep -q '"restored":1,.*"peer":{"role":"requester","switched":true,"sockets":1,"restored":1,' "$folder/json" ||
		fault "both ends by $tracking: $(cat "$folder/json")"
	grep -q '"end_to_end_ns":[0-9]' "$folder/json" || fault "no estimate by $tracking: $(cat "$folder/json")"
done
redis-cli -p "$port" ping | grep -q PONG || fault 'redis-server does not answer after it was left'

# It ends by a signal, and restores. What an earlier one said must not be taken for what this one says.
rm -f "$folder/said"
"$program" attach --pid "$server" --port "$port" --policy toggle --json >"$folder/json" 2>"$folder/said" &
attached=$!
await grep -q 'sockets now: 1' "$folder/said" || fault "SIGTERM: it does not begin: $(cat "$folder/said")"
kill -TERM "$attached"
wait "$attached" || fault "SIGTERM: $(cat "$folder/said")"
grep -q '"end":"signal".*"restored":1,' "$folder/json" || fault "SIGTERM: $(cat "$folder/json")"

# It ends with the program.
rm -f "$folder/said"
"$program" attach --pid "$server" --policy cork --json >"$folder/json" 2>"$folder/said" &
attached=$!
await grep -q 'sockets now: 1' "$folder/said" || fault "program killed: it does not begin: $(cat "$folder/said")"
kill -9 "$server"
wait "$attached" || fault "program killed: $(cat "$folder/said")"
attached=
grep -q '"end":"process".*"restored":0,' "$folder/json" || fault "program killed: $(cat "$folder/json")"
wait "$server" 2>/dev/null
gone=$server server=
"$program" attach --pid "$gone" >/dev/null 2>"$folder/said"
[ $? -eq 1 ] && grep -q 'no process has number' "$folder/said" || fault "gone: $(cat "$folder/said")"
[ "$faults" -eq 0 ]
