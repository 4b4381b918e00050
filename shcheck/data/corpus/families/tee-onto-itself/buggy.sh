#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Sort the list in place, and show it.
list=/srv/list
sort -u "$list" | tee "$list" #@ data-loss
