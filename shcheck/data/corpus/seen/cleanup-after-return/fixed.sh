#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
finish() {
	echo "finished"
	rm -f /run/app/lock
	return 0
}
finish
