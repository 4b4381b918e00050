#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Dump, and drop the old ones only when that went well.
set -e -o pipefail
mysqldump shop | gzip > /srv/backup/new.gz
rm -f /srv/backup/old.gz
mv /srv/backup/new.gz /srv/backup/old.gz
