#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy, say so, and remove the source.
rsync -a /srv/data/ backup:/data/
echo "copied"
if [ $? -eq 0 ]; then #@ lost-status
	rm -rf /srv/data/old
fi
