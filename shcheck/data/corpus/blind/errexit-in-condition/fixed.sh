#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
set -e
archive() {
	tar -cf /srv/archive.tar -C /srv data || return 1
	rm -rf /srv/data
}
if archive; then
	echo done
fi
