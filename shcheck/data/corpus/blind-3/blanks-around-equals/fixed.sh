#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the cache with the memory that it is given.
memory=$1
port=11211

if [ -z "$memory" ]; then
	total=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
	cache_megabytes=$((total / 4))
else
	cache_megabytes=$memory
fi

echo "cache of ${cache_megabytes:-64} MB on port $port"
exec memcached -u memcache -p "$port" -m "${cache_megabytes:-64}"
