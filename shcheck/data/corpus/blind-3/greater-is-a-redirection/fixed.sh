#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Wait for the queue to drain, ten times at the most.
tries=10
queue=/var/spool/mailer

while [ "$tries" -gt 0 ]; do
	waiting=$(find "$queue" -type f | wc -l)
	echo "$waiting messages wait"
	tries=$((tries - 1))
	sleep 30
done

systemctl stop mailer
echo "stopped"
