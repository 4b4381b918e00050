#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the monthly report out of the ticket export.
declare csv='/srv/tickets/export.csv' when='' as='text'

wrong_use() {
	printf 'usage: %s -m YYYY-MM [-f text|html]\n' "$(basename -- "$0")"
	exit 64
} >&2

trap 'code=$?; rm -r -f -- "${tmp}/"*; rmdir "$tmp" 2> /dev/null; exit $code' EXIT  #@ system-deletion

until (( $# == 0 )); do
	if [ "$1" = -m ] && (( $# > 1 )); then
		when="$2"
	elif [ "$1" = -f ] && (( $# > 1 )); then
		as="$2"
	else
		wrong_use
	fi
	shift 2
done
case "$when" in
[0-9][0-9][0-9][0-9]-[0-9][0-9]) ;;
*) wrong_use ;;
esac
case "$as" in
text | html) ;;
*) wrong_use ;;
esac

if ! tmp="$(mktemp -d)"; then
	exit 1
fi
grep "^${when}" < "$csv" | sort -t , -k 2 > "${tmp}/rows"
sort -rn <(cut -d , -f 3 "${tmp}/rows" | sort | uniq -c) > "${tmp}/teams"
[ "$as" != html ] || echo '<pre>'
cat "${tmp}/teams"
[ "$as" != html ] || echo '</pre>'
