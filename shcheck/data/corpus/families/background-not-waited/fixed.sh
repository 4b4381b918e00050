#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack, then remove the source.
tar -czf /srv/all.tgz -C /srv data &
wait $! || exit 1
rm -rf /srv/data
