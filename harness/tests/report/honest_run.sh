#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# honest_run.sh HOTBED DRIVERS_JSON - the simulations of test_honest.c once more through everything: a driver process per
# trial, the runner's order and journal, the summary. The limits
# are those of the rule less three standard errors of so few runs.
set -u

hotbed=$(realpath "$1")
drivers=$(realpath "$2")
seed=${HB_SEED:-20250514}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
echo "HB_SEED=$seed"

# simulate NAME RATIO_PPM NOISE_PPM TAIL: 40 runs with this truth and different seeds; their summaries go to NAME.csv.
simulate() {
	run=0
	: >"$1.csv"
	while [ "$run" -lt 40 ]; do
		run=$((run + 1))
		"$hotbed" run fake/synthetic --drivers "$drivers" --out "$work/run" --seed $((seed + run)) --quiet \
			--set "ratio_ppm=$2,noise_ppm=$3,tail=$4" >log 2>&1 || {
			cat log
			exit 1
		}
		cat run/summary.csv >>"$1.csv"
		rm -rf run
	done
}

# count NAME VERDICT
count() {
	awk -F, -v want="$2" '{ sub("\r", "") } $20 == want { n++ } END { print n + 0 }' "$1.csv"
}

# expect NAME VERDICT LEAST MOST
expect() {
	got=$(count "$1" "$2")
	echo "$1: $got of 40 $2"
	if [ "$got" -lt "$3" ] || [ "$got" -gt "$4" ]; then
		echo "NOT OK: expected $3 to $4"
		failures=$((failures + 1))
	fi
}

simulate slower 1100000 30000 none
expect slower worse 37 40
expect slower better 0 0
simulate faster 909091 30000 none
expect faster better 37 40
expect faster worse 0 0
simulate equal 1000000 10000 none
expect equal same 34 40
simulate identical 1000000 30000 heavy
expect identical better 0 4
expect identical worse 0 4

exit $((failures > 0))
