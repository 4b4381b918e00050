#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# claims.sh HOTBED VERDICTS - run experiments of the model and compare the verdict on every claim with the list: one line
# "VERDICT CLAIM" each, sorted.
set -u
hotbed=$(realpath "$1")
verdicts=$(realpath "$2")
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cd "$folder" || exit 99

# run_claims NAME ARGUMENT... - lines "VERDICT CLAIM" of a run.
run_claims()
{
	name=$1
	shift
	if ! "$hotbed" run "$@" --out "$name" --quiet >log 2>&1; then
		cat log
		exit 1
	fi
	# One claim a line.
	"$hotbed" claims "$name" --json |
		sed -n 's/.*"claim":"\([^"]*\)".*"verdict":"\([^"]*\)".*/\2 \1/p'
}

{
	run_claims field metastable/field
	run_claims threshold metastable/threshold --set retries=5
} >lines
sort lines >got
[ -s got ] || { echo 'no verdict was printed'; exit 1; }
diff "$verdicts" got
