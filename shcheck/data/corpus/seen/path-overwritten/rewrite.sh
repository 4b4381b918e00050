#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
for PATH in /srv/one /srv/two; do
	du -s "$PATH"  #@ not-a-command
done
