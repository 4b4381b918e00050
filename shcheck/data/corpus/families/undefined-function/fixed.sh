#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Clean up.
cleanup_all() {
	rm -f /srv/lock
}
trap cleanup_all EXIT
run-job
