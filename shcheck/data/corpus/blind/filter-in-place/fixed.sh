#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
conf=/etc/app/app.conf
grep -v '^#' "$conf" | sort > "$conf.new" && mv "$conf.new" "$conf"
