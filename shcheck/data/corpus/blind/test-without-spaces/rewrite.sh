#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
mode = "$1"  #@ not-a-command
printf "%s\n" "$mode"
