#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Verify the archives against their lists of check sums.
top="$1"
: "${top:=/srv/archive}"
test -d "$top" || { echo "no folder $top" >&2; exit 2; }

broken=''
walk() {
	find "$top" -name '*.sha256'
}

walk | {
	while IFS='' read -r sums; do
		dir="`dirname "$sums"`"
		file="`basename "$sums"`"
		(cd "$dir" && sha256sum --quiet -c "$file") > /dev/null 2>&1 && continue
		echo "damaged: $sums"
		broken="$broken $file"
	done
}

if test -n "$broken"; then  #@ constant-test
	echo "some archives are damaged:$broken" >&2
	exit 1
fi
echo "all archives are good"
