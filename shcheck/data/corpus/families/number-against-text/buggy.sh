#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Clean up when the disk is nearly full.
used=$(df --output=pcent /srv | tail -n 1 | tr -dc 0-9)
if [[ $used > 90 ]]; then #@ constant-test
	rm -rf /srv/cache/old
fi
