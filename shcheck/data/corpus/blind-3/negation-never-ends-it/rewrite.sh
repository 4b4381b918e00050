#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The server must start without errors in its log.
set -o errexit
output=$(mktemp)
trap 'rm -f -- "$output"' EXIT

free_of_errors() {
	! grep -q ERROR "$1"  #@ errexit-defeated
	grep -q "listening on port 8099" "$1"
}

server --port 8099 --once &> "$output" &
sleep 2
curl -fsS http://localhost:8099/health > /dev/null
wait $!
free_of_errors "$output"
echo "passed"
