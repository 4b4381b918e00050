#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
set -o errexit
archive() {
	tar -cf /srv/archive.tar -C /srv data
	rm -rf /srv/data  #@ errexit-defeated
}
archive || echo "not archived" >&2
