#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
list=/srv/names
sort "$list" | uniq > "$list"  #@ data-loss
