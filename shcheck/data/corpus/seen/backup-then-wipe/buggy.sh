#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
set -e
backup() {
	rsync -a /srv/data/ /mnt/backup/
	rm -rf /srv/data/old  #@ errexit-defeated
}
backup && echo done
