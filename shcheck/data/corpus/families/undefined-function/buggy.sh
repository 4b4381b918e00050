#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Clean up.
cleanup_all() {
	rm -f /srv/lock
}
trap clean_up_all EXIT #@ not-a-command
run-job
