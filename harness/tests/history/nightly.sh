#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# nightly.sh HOTBED DRIVERS - a night from the command line, with a driver that does nothing: digest in three forms, hook, lock,
# retention, exit codes.
set -u

hotbed=$(realpath "$1")
drivers=$(realpath "$2")
work=$(mktemp -d) || exit 99
holder=
trap '[ -z "$holder" ] || kill "$holder" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 99

fail()
{
	echo "NOT OK: $*"
	[ -s output ] && sed 's/^/    /' output
	exit 1
}

# expect CODE TEXT COMMAND... - the exit code, and TEXT somewhere in what is printed.
expect()
{
	code=$1
	text=$2
	shift 2
	"$@" >output 2>&1 </dev/null
	got=$?
	[ $got -eq "$code" ] || fail "$*: exit code $got instead of $code:"
	grep -qF -- "$text" output || fail "$*: '$text' is not in:"
}

night="$hotbed nightly --quick --drivers $drivers"

expect 0 'no open change, the run is complete' $night fake/trivial
[ "$(ls -d results/0* | wc -l)" -eq 1 ] || fail 'there is not one run'
for file in digest.txt digest.html digest.json report.html; do
	[ -s results/latest/$file ] || fail "no $file"
done
grep -q '"schema":	"hotbed.nightly/1"' results/latest/digest.json || fail 'digest.json'
grep -q '<!DOCTYPE html>' results/latest/digest.html || fail 'digest.html'
if grep -qE '(src|href)=' results/latest/digest.html; then
	fail 'digest.html loads something'
fi

# The hook gets the digest; one that fails is told, and the night's work stays.
expect 0 'hotbed.nightly/1' $night fake/trivial --json --hook 'cat >hooked.json'
cmp -s hooked.json results/latest/digest.json || fail 'the hook got something else than digest.json'
expect 6 'the hook' $night fake/trivial --hook 'exit 3'
expect 0 'smoke' "$hotbed" history show fake/trivial
grep -q '3 nights' output || fail 'the three nights are not in the history:'

# Trials that fail are the night's exit code, and the night is in the history all the same.
expect 3 'trials failed' $night fake/behave --filter variant=crash
expect 2 'left no results' $night fake/no-such-experiment
expect 2 '--keep-runs' $night fake/trivial --keep-runs=none

# Two nights never overlap.
mkfifo hold
flock results/nightly.lock sh -c 'echo held; read -r _ <hold' >held &
holder=$!
while [ ! -s held ]; do
	kill -0 "$holder" || fail 'flock'
	sleep 0.05
done
expect 7 'still at work' $night fake/trivial
echo go >hold
wait "$holder"
holder=

# Folders of older nights go; those that were made otherwise stay.
"$hotbed" run --quick --drivers "$drivers" fake/trivial --out results/019b0000-0000-7000-8000-000000000000 >output 2>&1 || fail 'run'
expect 0 'complete' $night fake/trivial --keep-runs=2 --keep-days=30
[ "$(ls results/*/digest.json | wc -l)" -eq 3 ] || fail "$(ls results/*/digest.json) are left" # latest is a link
[ -e results/019b0000-0000-7000-8000-000000000000/plan.json ] || fail 'a run that was made by hand is gone'

# A night whose clock is before the last one comes after it all the same.
sqlite=$(command -v python3)
if [ -n "$sqlite" ] && "$sqlite" -c 'import sqlite3' 2>/dev/null; then
	"$sqlite" -c 'import sqlite3; db = sqlite3.connect("results/history.db"); db.execute("UPDATE run SET position_ns = position_ns + 86400000000000"); db.commit()'
	expect 0 'the clock of this machine went back' $night fake/trivial
fi
echo ok
