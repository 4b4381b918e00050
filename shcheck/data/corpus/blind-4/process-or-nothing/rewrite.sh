#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Restart the indexer when none is running.
pid=`pgrep -o -x indexer`
test -n $pid || {  #@ constant-test
	logger -t watch-indexer 'the indexer is gone'
	systemctl restart indexer
}
