#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Ask all hosts of the cluster for their load.
hosts="alpha beta gamma"
for host in "$hosts"; do  #@ loop-once
	ssh -n "$host" uptime
done
