#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Switch the site to a new release; go back when it does not answer.
set -u
site=/srv/site
release=$site/releases/$(date +%Y%m%d%H%M%S)
source=${1:?usage: switch.sh FOLDER}
previous=$(readlink "$site/current")

if [[ -z $previous || ! -d $previous ]]; then
	echo "there is no release to go back to" >&2
	exit 1
fi

mkdir -p "$release" || exit 1
cp -R "$source/." "$release/" || exit 1
ln -sfn "$release" "$site/current" || exit 1

answers() {
	curl -fs -o /dev/null --max-time 10 http://localhost/health
}

if ! answers; then
	echo "the new release does not answer; it is kept in $release" >&2
	rm -f "$site/current"
	ln -sfn "$previous" "$site/current"
	exit 1
fi
echo "switched to $release"
