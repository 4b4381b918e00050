#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Wait for the queue to drain, ten times at the most.
declare -i left=10

left_to_try() {
	test "$left" > 0
}

show() {
	echo "$(find /var/spool/mailer -type f | wc -l) messages wait"
}

until ! left_to_try; do  #@ loop-forever
	show
	left=left-1
	sleep 30
done
systemctl stop mailer
echo "stopped"
