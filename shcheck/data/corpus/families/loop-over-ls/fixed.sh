#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove old archives.
cd /srv/archive || exit 1
for f in ./*; do
	rm -rf "$f"
done
