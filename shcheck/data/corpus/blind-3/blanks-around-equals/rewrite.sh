#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the cache with the memory that it is given.
port=11211
quarter() {
	kilobytes="`sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo`"
	echo $((kilobytes / 4096))
}

case $1 in
'')
	cache_size_mb= "$(quarter)"  #@ not-a-command
	;;
*) cache_size_mb="$1" ;;
esac

: "${cache_size_mb:=64}"
echo "cache of $cache_size_mb MB on port $port"
exec memcached -u memcache -p $port -m "$cache_size_mb"
