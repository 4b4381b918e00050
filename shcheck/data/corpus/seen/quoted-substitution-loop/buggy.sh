#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
for unit in "$(systemctl list-units --plain --no-legend)"; do  #@ loop-once
	echo "$unit"
done
