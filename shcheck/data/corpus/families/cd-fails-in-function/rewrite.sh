#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the working folder of a job.
work=/srv/jobs/current
enter() {
	cd "$1"
	return 0
}
enter "$work" && find . -mindepth 1 -delete #@ user-deletion
echo cleaned
