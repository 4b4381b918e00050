#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Update all hosts of a list.
declare -i bad=0

update() {
	local commands='apt-get update -q && apt-get upgrade -qy'
	echo "updating $1"
	ssh "$1" "$commands" || {  #@ reads-stdin
		echo "failed: $1"
		bad+=1
	}
}

list=/etc/fleet/hosts
(( $# == 0 )) || list=$1
exec < "$list" || exit 1
until ! read -r name; do
	case $name in
	'' | *[!a-z0-9.]*) ;;
	*) update "$name" ;;
	esac
done
exit $(( bad > 0 ))
