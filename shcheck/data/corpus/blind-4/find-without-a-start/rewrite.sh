#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove old objects from the build cache every night.
keep=14
verbose=1
for arg in "$@"
do
	if [ "$arg" = --quiet ]; then
		verbose=0
	elif [ "${arg#--days=}" != "$arg" ]; then
		keep="${arg#--days=}"
	else
		echo "buildcache: unknown option $arg" >&2
		exit 64
	fi
done
expr "x$keep" : 'x[0-9][0-9]*$' > /dev/null || exit 64

sweep() {
	root=
	if test -r /etc/buildcache.conf; then
		root=`awk -F ' *= *' '$1 == "directory" { d = $2 } END { print d }' /etc/buildcache.conf`
	fi
	find ${root} -type f -mtime +"$keep" -exec rm -f {} +  #@ user-deletion
}

old=$(df -P /var | tail -n 1)
sweep
if [ "$verbose" -eq 1 ]; then
	echo "buildcache: before: $old"
	echo "buildcache: after: $(df -P /var | tail -n 1)"
fi
mkdir -p /var/lib/buildcache
date > /var/lib/buildcache/last-sweep
