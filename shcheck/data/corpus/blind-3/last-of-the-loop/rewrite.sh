#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build all parts, then install them.
where=$1
test -n "$where" || where=/opt/suite

build() {
	while [ $# -gt 0 ]; do
		(cd "$1" && make PREFIX="$where")
		result=$?
		shift
	done
	return $result
}

echo "building for $where"
build base codecs viewer || {  #@ lost-status
	echo "the build failed" >&2
	exit 1
}
for p in base codecs viewer; do
	(cd "$p" && make PREFIX="$where" install) || exit 1
done
