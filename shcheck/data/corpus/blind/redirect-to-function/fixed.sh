#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
log() {
	while read -r line; do
		logger -t app "$line"
	done
}
make all | log
