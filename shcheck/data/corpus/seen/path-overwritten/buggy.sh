#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
PATH=/srv/data/file.txt
grep -q ready "$PATH"  #@ not-a-command
