#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Empty the working folder of a job.
work=/srv/jobs/current
clean() {
	cd "$work" || return 1
	rm -rf -- ./*
}
clean || exit 1
echo cleaned
