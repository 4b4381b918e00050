#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
left=30
until test "$left" -eq 0; do  #@ loop-forever
	echo "waiting ($left)"
	(left=$((left - 1)))
done
echo "gave up"
