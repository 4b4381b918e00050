#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Write the job that sweeps the cache every night.
write_job() {
	echo '#!/bin/sh'
	echo 'folder=/var/cache/portal'
	echo "find '$folder' -type f -mtime +3 -delete"  #@ unbound
}

write_job > /etc/cron.daily/sweep-cache && chmod 755 /etc/cron.daily/sweep-cache
