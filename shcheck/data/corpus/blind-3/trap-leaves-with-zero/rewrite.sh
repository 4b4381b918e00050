#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Compare the installed files with the list of the package.
test $# -gt 0 || {
	echo "usage: check-files LIST" >&2
	exit 2
}
names="`mktemp`" || exit 2

tidy_up() {
	rm -f "$names"
	exit 0  #@ lost-status
}
trap tidy_up EXIT HUP INT TERM

result=0
sed 's/^[^ ]* [^ ]* //' "$1" | sort > "$names"
while IFS= read -r name; do
	test -e "$name" || {
		echo "missing: $name"
		result=1
	}
done < "$names"
exit $result
