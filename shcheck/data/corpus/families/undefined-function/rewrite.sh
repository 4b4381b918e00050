#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Clean up.
cleanup_all() {
	rm -f /srv/lock
}
run-job
clenup_all #@ not-a-command
