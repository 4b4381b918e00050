#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Where the files are.
for PATH in /srv/files /srv/more; do
	ls "$PATH" #@ not-a-command
done
