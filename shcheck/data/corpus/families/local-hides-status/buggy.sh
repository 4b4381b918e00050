#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Go to the folder of the newest release.
set -e
newest() {
	local dir=$(find-release --newest) #@ lost-status
	rsync -a "$dir/" /srv/live/
}
newest
