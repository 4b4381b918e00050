#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Restart the indexer when none is running.
if [ -n $(pgrep -o -x indexer) ]; then  #@ constant-test
	exit 0
fi
logger -t watch-indexer "the indexer is gone"
systemctl restart indexer
