#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
BACKUP_DIR=/srv/backup
mkdir -p "$BACKUP_DIR"
name=db-$(date +%F).sql
pg_dump app > "$BACKUP_DIR/$name"
gzip "$BAKCUP_DIR/$name"  #@ unbound
