#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the measurements of a station to the archive and note it in the catalogue.
station=$1 day=$2
case $station in
north | south | harbour) ;;
*)
	echo 'usage: archive-station STATION DAY' >&2
	exit 64
	;;
esac
case $day in
[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;;
*) exit 64 ;;
esac

store() {
	[[ ! -e $2/$day ]] || return 1
	if rsync -a "$1" "$2"/; then  #@ not-a-command
		echo "$station $day" >> /srv/measurements/catalogue.txt
	fi
}

for PATH in "/srv/stations/$station/$day"; do
	if [[ -d $PATH ]]; then
		store "$PATH" "/srv/measurements/$station"
	else
		echo "$station has sent nothing on $day" >&2
		exit 1
	fi
done
