#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack, then remove the source.
pack() {
	tar -czf /srv/all.tgz /srv/data
}
pack &
job=$!
rm -rf /srv/data #@ race
wait "$job"
