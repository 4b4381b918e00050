#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
list=/srv/names
sort "$list" | uniq > "$list.new" && mv "$list.new" "$list"
