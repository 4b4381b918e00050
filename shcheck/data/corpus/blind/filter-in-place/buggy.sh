#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
conf=/etc/app/app.conf
cp "$conf" "$conf.bak"
grep -v '^#' "$conf" | sort > "$conf"  #@ data-loss
