#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy, say so, and remove the source.
rsync -a /srv/data/ backup:/data/
rc=$?
echo "copied"
if [ "$rc" -eq 0 ]; then
	rm -rf /srv/data/old
fi
