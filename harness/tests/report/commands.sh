#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# commands.sh HOTBED MAKE_RUN - report, claims, compare, export and merge from the command line: exit codes, what is
# written, messages that name what is wrong.
set -u

hotbed=$(realpath "$1")
make_run=$(realpath "$2")
failures=0
work=$(mktemp -d)
run=$("$make_run" spawn)
trap 'rm -rf "$work" "$run"' EXIT
cd "$work" || exit 1

# expect CODE TEXT COMMAND... - the exit code, and a text somewhere in the output.
expect() {
	code=$1
	text=$2
	shift 2
	"$@" >"$work/output" 2>&1
	got=$?
	if [ "$got" -ne "$code" ] || ! grep -qF -- "$text" "$work/output"; then
		echo "NOT OK: $*: exit $got instead of $code, or no '$text' in:"
		sed 's/^/    /' "$work/output"
		failures=$((failures + 1))
	else
		echo "ok: $*"
	fi
}

expect 0 'report: ' "$hotbed" report "$run"
for file in summary.csv summary.json report.html charts/spork-spawn-latency-call_p50-forest.vl.json; do
	expect 0 "$file" ls "$run/$file"
done
expect 0 'hotbed.summary/1' "$hotbed" report "$run" --json
expect 0 'report: elsewhere.html' "$hotbed" report "$run" --out elsewhere.html
expect 0 '<!DOCTYPE html>' cat elsewhere.html
expect 2 'no folder and no run_id begins' "$hotbed" report nothing-of-that-name
expect 2 "is no run's folder" "$hotbed" report "$work"
expect 2 'one run' "$hotbed" report a b

expect 0 'spawn-flat' "$hotbed" claims "$run"
expect 0 'not reproduced' "$hotbed" claims "$run"
expect 1 'not reproduced' "$hotbed" claims "$run" --strict
expect 0 '"verdict"' "$hotbed" claims "$run" --json
expect 2 'name one' "$hotbed" claims --strict

other=$work/other
cp -r "$run" "$other"
sed -i 's/0190a5d0-0000-7000-8000-000000000001/0190a5d0-0000-7000-8000-000000000002/' "$other/plan.json" "$other/trials.csv"
expect 0 '0 other verdicts' "$hotbed" compare "$run" "$other"
expect 0 'hotbed.compare/1' "$hotbed" compare "$run" "$other" --json
expect 2 'two runs' "$hotbed" compare "$run"
sed -i 's/"host_id":"aaaaaaaaaaaa"/"host_id":"cccccccccccc"/' "$other/plan.json"
expect 0 '48 not comparable' "$hotbed" compare "$run" "$other"

expect 0 'run_id,subproject' "$hotbed" export csv "$run"
expect 0 'param.rss_bytes' "$hotbed" export csv "$run" --wide
expect 0 'hotbed.export/1' "$hotbed" export json "$run"
expect 2 "did you mean 'csv'" "$hotbed" export cvs "$run"
expect 2 '--svg' "$hotbed" export figures "$run"
expect 6 'cannot be written' "$hotbed" export csv "$run" --out "$work/no/such/folder/x.csv"

expect 0 'merged into' "$hotbed" merge "$run" "$other" "$run" --out "$work/merged"
expect 0 'spork/spawn-latency' head -2 "$work/merged/summary.csv"
expect 0 '768 trials' "$hotbed" report "$work/merged"
# Each block's figure comes with it, under the new number of its trial.
expect 0 '24' sh -c 'ls "$1"/logs | grep -c shape.vl.json' sh "$work/merged"
expect 2 'is not empty' "$hotbed" merge "$run" "$other" --out "$work/merged"
expect 2 '--out DIR' "$hotbed" merge "$run"

# A trial that was being written when the power went is not there, and nobody is told otherwise.
head -c 100000 "$run/trials.csv" >"$work/cut" && cp "$work/cut" "$run/trials.csv"
expect 0 'trials, ' "$hotbed" report "$run"
expect 0 'never committed' cat "$run/summary.json"

echo "$failures failed"
[ "$failures" -eq 0 ]
