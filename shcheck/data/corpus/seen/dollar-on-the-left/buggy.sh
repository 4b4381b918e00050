#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
name=count
$name=5  #@ not-a-command
echo "$count"
