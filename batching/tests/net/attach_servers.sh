#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# batching attach on unmodified memcached and nginx while a client works: the client's socket is found, switched and
# restored, and every answer stays right. Usage: attach_servers.sh PROGRAM FOLDER
set -u
program=$1
tests=$2
command -v perl >/dev/null && perl -MIO::Socket::INET -e 1 2>/dev/null || {
	echo 'skip: needs perl'
	exit 77
}
folder=$(mktemp -d) || exit 99
server= client= attached=
trap 'for p in $server $client $attached; do kill -9 "$p" 2>/dev/null; done; rm -rf "$folder"' EXIT
faults=0
tested=

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

# start NAME: the server, in the foreground of a background job, on $port.
start()
{
	case $1 in
	memcached)
		user=
		[ "$(id -u)" -ne 0 ] || user='-u root'
		# shellcheck disable=SC2086
		exec memcached -l 127.0.0.1 -p "$port" -U 0 -t 1 $user
		;;
	nginx)
		cat >"$folder/nginx.conf" <<-END
			daemon off;
			master_process off;
			pid $folder/nginx.pid;
			error_log $folder/nginx.log;
			events {}
			http {
				access_log off;
				client_body_temp_path $folder/b;
				proxy_temp_path $folder/p;
				fastcgi_temp_path $folder/f;
				uwsgi_temp_path $folder/u;
				scgi_temp_path $folder/s;
				keepalive_requests 1000000;
				server { listen 127.0.0.1:$port; location / { return 200 "hotbed\n"; } }
			}
		END
		exec nginx -c "$folder/nginx.conf" -p "$folder" -e "$folder/nginx.log"
		;;
	esac
}

# has_answers NUMBER: so many at least are counted by the client.
has_answers()
{
	[ "$(tail -n 1 "$folder/answers" 2>/dev/null || echo 0)" -ge "$1" ]
}

# try NAME
try()
{
	attempt=0
	while :; do
		port=$((20000 + ($$ + attempt * 4999) % 20000))
		start "$1" >"$folder/server" 2>&1 &
		server=$!
		: >"$folder/answers"
		perl "$tests/attach_client.pl" "$1" "$port" >"$folder/answers" 2>"$folder/client" &
		client=$!
		await has_answers 10 && kill -0 "$server" 2>/dev/null && break
		kill -9 "$server" "$client" 2>/dev/null
		wait "$server" "$client" 2>/dev/null
		attempt=$((attempt + 1))
		[ "$attempt" -lt 3 ] || {
			fault "$1 does not start: $(cat "$folder/server" "$folder/client")"
			return
		}
	done
	"$program" attach --pid "$server" --port "$port" --policy nagle --duration-ns 500000000 --json \
		>"$folder/json" 2>"$folder/said"
	status=$?
	if [ "$status" -ne 0 ] && grep -q 'may not be taken' "$folder/said"; then
		echo 'skip: needs the right to ptrace'
		exit 77
	fi
	[ "$status" -eq 0 ] || fault "$1: attach ended with $status: $(cat "$folder/said")"
	grep -q '"sockets":1,"restored":1,' "$folder/json" || fault "$1: $(cat "$folder/json")"
	grep -q '"acked_bytes":0,' "$folder/json" && fault "$1: nothing acknowledged: $(cat "$folder/json")"
	before=$(tail -n 1 "$folder/answers")
	await has_answers $((before + 10)) || fault "$1: the client got no answer any more"
	kill -0 "$client" 2>/dev/null || fault "$1: the client: $(cat "$folder/client")"
	kill -9 "$server" "$client" 2>/dev/null
	wait "$server" "$client" 2>/dev/null
	server= client=
	tested="$tested $1"
}

for name in memcached nginx; do
	if command -v "$name" >/dev/null; then
		try "$name"
	else
		echo "skip: needs $name"
	fi
done
[ "$faults" -eq 0 ] || exit 1
[ -n "$tested" ] || exit 77
