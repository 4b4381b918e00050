#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Check the syntax of all PHP files before a release.
top=.
test $# -eq 0 || top="$1"

lint() {
	find "$top" -type f -name '*.php' -exec php --syntax-check {} ';' > /dev/null
}

test -d "$top" || {
	echo "no such folder: $top" >&2
	exit 64
}
echo "checking $top"
lint
case $? in  #@ lost-status
0)
	git tag "release-`date +%Y%m%d`"
	git push --tags
	;;
*)
	echo "there are syntax errors" >&2
	exit 1
	;;
esac
