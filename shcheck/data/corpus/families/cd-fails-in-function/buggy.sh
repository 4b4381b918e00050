#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the working folder of a job.
work=/srv/jobs/current
clean() {
	cd "$work"
	rm -rf -- * #@ user-deletion
}
clean
echo cleaned
