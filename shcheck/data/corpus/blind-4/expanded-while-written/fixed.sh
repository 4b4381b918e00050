#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Write the job that sweeps the cache every night.
job=/etc/cron.daily/sweep-cache
cat >"$job" <<'EOF'
#!/bin/sh
sweep_dir=/var/cache/portal
find "$sweep_dir" -type f -mtime +3 -delete
EOF
chmod 755 "$job"
