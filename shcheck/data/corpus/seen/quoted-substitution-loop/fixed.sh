#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
systemctl list-units --plain --no-legend | while read -r unit; do
	echo "$unit"
done
