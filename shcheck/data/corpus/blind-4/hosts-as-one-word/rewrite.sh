#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Ask all hosts of the cluster for their load.
ask() {
	ssh -n "$1" uptime
}

cluster='alpha beta gamma'
set -- "$cluster"
while [ $# -gt 0 ]; do  #@ loop-once
	ask "$1"
	shift
done
