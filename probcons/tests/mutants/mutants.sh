#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Mutation test: each patch in this folder plants one bug in the replicated log, and the simulator must find it. Prints the
# schedules that it took. Without HB_NIGHTLY=1 the first mutants of the alphabet, one in four; with it all, and each with
# several seeds.
# Usage: mutants.sh SOURCE_ROOT BUILD_ROOT OBJECT COMPILER... (OBJECT: schedules.c, compiled)
set -u
source=$1 build=$2 object=$3
shift 3
if ! command -v patch >/dev/null 2>&1; then
	echo 'skip: needs patch'
	exit 77
fi
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
limit=20000 seeds=${HB_SEED:-1} step=4
[ -n "${HB_NIGHTLY:-}" ] && seeds='1 2 3' step=1
failures=0 count=0 number=0

for patch in "$source"/probcons/tests/mutants/*.patch; do
	number=$((number + 1))
	[ $(((number - 1) % step)) -eq 0 ] || continue
	count=$((count + 1))
	name=$(basename "$patch" .patch)
	file=$(sed -n 's|^+++ b/||p' "$patch")
	variant=$(sed -n 's/^variant //p' "$patch")
	cp "$source/$file" "$scratch/mutant.c" || exit 99
	if ! patch -s "$scratch/mutant.c" "$patch" >"$scratch/log" 2>&1; then
		echo "$name: the patch does not apply"
		cat "$scratch/log"
		failures=$((failures + 1))
		continue
	fi
	if ! "$@" -std=gnu17 -O1 -D_GNU_SOURCE -I"$source/${file%/*}" -I"$source/probcons/src" \
		-I"$source/probcons/include" -I"$source/harness/include" -o "$scratch/mutant" "$object" \
		"$scratch/mutant.c" "$build/probcons/src/libprobcons.a" "$build/harness/sim/libhotbed-sim.a" \
		"$build/harness/base/libhotbed-base.a" -lcjson -lxxhash -lgsl -lm -pthread 2>"$scratch/log"; then
		echo "$name: does not compile"
		cat "$scratch/log"
		failures=$((failures + 1))
		continue
	fi
	line=$name:
	for seed in $seeds; do
		if said=$(timeout 200 "$scratch/mutant" "$variant" "$limit" "$seed"); then
			line="$line ${said%% *}"
		else
			line="$line none($limit)"
			failures=$((failures + 1))
		fi
	done
	printf '%s  %s\n' "$line" "${said#* }"
done
echo "$count mutants, $failures not caught"
[ "$count" -gt 0 ] && [ "$failures" -eq 0 ]
