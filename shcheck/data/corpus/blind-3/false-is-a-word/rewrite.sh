#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the build artefacts of merged branches.
declare pretend=false
if (( $# == 1 )) && test "$1" = -n; then
	pretend=true
elif (( $# > 0 )); then
	exit 64
fi

remove() {
	[ -n "$pretend" ] && {  #@ constant-test
		echo "would remove $1"
		return
	}
	rm -r -f -- "$1"
}

shopt -s nullglob
for artefact in /srv/artefacts/ticket-*; do
	name=$(basename -- "$artefact")
	if ! git -C /srv/repository rev-parse -q --verify "$name" > /dev/null; then
		remove "$artefact"
	fi
done
