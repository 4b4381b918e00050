#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Switch the site to a new release; go back when it does not answer.
set -o nounset
: "${1:?usage: switch.sh FOLDER}"
cd /srv/site || exit
before="$(readlink current)"
test -n "$before" && test -d "$before" || {
	echo "there is no release to go back to" >&2
	exit 1
}
now="$PWD/releases/$(date '+%Y%m%d%H%M%S')"

point_to() {
	ln --symbolic --force --no-dereference "$1" current
}

drop() {
	local path=$1
	rm --recursive --force -- "$path"  #@ data-loss
}

mkdir --parents "$now" && cp --recursive "$1"/. "$now" && point_to "$now" || exit
if curl --fail --silent --output /dev/null --max-time 10 http://localhost/health; then
	echo "switched to $now"
	exit 0
fi
echo "the new release does not answer; it is kept in $now" >&2
drop current/
point_to "$before"
exit 1
