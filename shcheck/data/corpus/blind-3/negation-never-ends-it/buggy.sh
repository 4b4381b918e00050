#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The server must start without errors in its log.
set -e
log=$(mktemp)
trap 'rm -f "$log"' EXIT

server --port 8099 --once >"$log" 2>&1 &
pid=$!
sleep 2
curl -fsS http://localhost:8099/health >/dev/null
wait "$pid"

! grep -q ERROR "$log"  #@ errexit-defeated
grep -q "listening on port 8099" "$log"
echo "passed"
