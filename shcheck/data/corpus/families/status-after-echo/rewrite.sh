#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy, say so, and remove the source.
rsync -a /srv/data/ backup:/data/
printf '%s\n' "copied"
rc=$? #@ lost-status
test "$rc" -ne 0 && exit 1
rm -rf /srv/data/old
