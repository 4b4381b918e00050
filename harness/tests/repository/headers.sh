#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every header compiles alone: it includes all that it needs. Usage: headers.sh ROOT CC...
set -u
cd "$1" || exit 99
shift
flags=$(pkg-config --cflags libuv libcjson gsl)
code=0 count=0
for header in $(find harness nicos spork shcheck probcons batching metastable -name '*.h' \
	! -path '*/node_modules/*' ! -path '*/tests/*'); do
	includes='-Iharness/include'
	case $header in
	harness/*) ;;
	*) includes="$includes -I${header%%/*}/include -I${header%%/*}/src" ;;
	esac
	# shellcheck disable=SC2086 # lists of words
	if ! printf '#include "%s"\nextern int a_header_may_hold_macros_alone;\n' "$header" | "$@" -x c -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wpedantic \
		-Werror -fsyntax-only -I. $includes $flags -; then
		echo "$header does not compile alone"
		code=1
	fi
	count=$((count + 1))
done
[ $count -gt 0 ] || { echo 'no header found'; exit 1; }
exit $code
