#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
units=$(systemctl list-units --plain --no-legend)
for unit in "${units}"; do  #@ loop-once
	echo "$unit"
done
