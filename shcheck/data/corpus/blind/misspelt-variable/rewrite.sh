#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
set_up() {
	backup_dir=/srv/backup
	mkdir -p "$backup_dir"
}
set_up
pg_dump app > "$backup_dir/db.sql"
gzip "${bakcup_dir}/db.sql"  #@ unbound
