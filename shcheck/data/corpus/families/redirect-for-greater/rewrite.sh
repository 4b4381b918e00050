#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# More than ten jobs are too many.
count() {
	ls /srv/jobs | wc -l
}
limit=10
test "$(count)" > "$limit" && exit 1 #@ constant-test
run-job
