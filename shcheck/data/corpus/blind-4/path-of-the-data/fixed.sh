#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the measurements of a station to the archive and note it in the catalogue.
set -u
STATIONS='north south harbour'
ARCHIVE=/srv/measurements
CATALOGUE=$ARCHIVE/catalogue.txt
STATION=${1:-}
DAY=${2:-}

usage() {
	echo "usage: archive-station STATION DAY"
	echo "stations: $STATIONS"
	exit 64
} >&2

known() {
	local s
	for s in $STATIONS; do
		if [[ $s == "$1" ]]; then
			return 0
		fi
	done
	return 1
}

[[ -n $STATION && -n $DAY ]] || usage
known "$STATION" || usage
if [[ ! $DAY =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]]; then
	echo "$DAY is no day" >&2
	exit 64
fi

SOURCE=/srv/stations/$STATION/$DAY
if [[ ! -d $SOURCE ]]; then
	echo "$STATION has sent nothing on $DAY" >&2
	exit 1
fi
TARGET=$ARCHIVE/$STATION
if [[ -e $TARGET/$DAY ]]; then
	echo "$DAY is in the archive already" >&2
	exit 1
fi
cp -a "$SOURCE" "$TARGET/" || exit 1
echo "$STATION $DAY" >>"$CATALOGUE"
