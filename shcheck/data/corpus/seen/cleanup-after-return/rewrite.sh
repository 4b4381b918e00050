#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
finish() {
	if [ "$1" = loud ]; then
		echo "finished"
		return 0
		rm -f /run/app/lock  #@ dead-code
	fi
}
finish "$@"
