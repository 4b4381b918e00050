#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# claims.sh HOTBED VERDICTS [all|few] - run experiments of the model and compare the verdict on every claim with the list: one
# line "VERDICT CLAIM" each, sorted. "all" runs every experiment that needs no clock, with all its points; "few", for builds
# with sanitizers, those that take seconds there. The seed is fixed, so that a claim whose interval reaches across an edge
# says the same each time.
set -u
hotbed=$(realpath "$1")
verdicts=$(realpath "$2")
which=${3:-}
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cd "$folder" || exit 99

# run_claims NAME ARGUMENT... - lines "VERDICT CLAIM" of a run.
run_claims()
{
	name=$1
	shift
	if ! "$hotbed" run "$@" --seed=1 --out "$name" --quiet >log 2>&1; then
		cat log
		exit 1
	fi
	# One claim a line.
	"$hotbed" claims "$name" --json |
		sed -n 's/.*"claim":"\([^"]*\)".*"verdict":"\([^"]*\)".*/\2 \1/p'
}

if [ "$which" = all ]; then
	run_claims all metastable/field metastable/threshold metastable/trigger metastable/bracket metastable/storm \
		metastable/cache metastable/tiers metastable/throttle metastable/calibration
elif [ "$which" = few ]; then
	run_claims field metastable/field
	run_claims trigger metastable/trigger --set burst=15,length=50,100,200
	run_claims tiers metastable/tiers
else
	run_claims field metastable/field
	run_claims threshold metastable/threshold --set retries=5
	run_claims trigger metastable/trigger --set burst=15,length=50,100,200
	run_claims tiers metastable/tiers
	run_claims calibration metastable/calibration
fi >lines
LC_ALL=C sort lines >got
[ -s got ] || { echo 'no verdict was printed'; exit 1; }
diff "$verdicts" got
