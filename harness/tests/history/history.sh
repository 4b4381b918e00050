#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# history.sh HOTBED MAKE_NIGHTS CASE - the history from the command line: what is counted, what survives, which message and
# exit code each fault has.
set -u

hotbed=$(realpath "$1")
nights=$(realpath "$2")
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 99
mkdir runs

fail()
{
	echo "NOT OK: $*"
	[ -s output ] && sed 's/^/    /' output
	exit 1
}

lacks()
{
	echo "skip: needs $*"
	exit 77
}

# expect CODE TEXT COMMAND... - the exit code, and TEXT somewhere in what is printed ("" for anything).
expect()
{
	code=$1
	text=$2
	shift 2
	"$@" >output 2>&1
	got=$?
	[ $got -eq "$code" ] || fail "$*: exit code $got instead of $code:"
	grep -qF -- "$text" output || fail "$*: '$text' is not in:"
}

# Rows of the exported history, without the header.
rows()
{
	"$hotbed" history export --db "${1:-h.db}" >export.csv || fail 'export'
	echo $(($(wc -l <export.csv) - 1))
}

make()
{
	"$nights" runs "$@" >/dev/null || fail "make_nights $*"
}

history()
{
	action=$1
	shift
	"$hotbed" history "$action" --db h.db "$@"
}

case_import()
{
	make count=5 points=2 metrics=3
	expect 0 '5 new runs, 0 longer than before, 0 there already' history import runs
	[ "$(rows)" -eq 30 ] || fail "$(rows) rows instead of 30"
	cp export.csv once.csv
	# Again, one by one, and under another name: nothing is counted twice.
	expect 0 '0 new runs, 0 longer than before, 5 there already' history import runs
	for run in runs/*; do
		expect 0 '1 there already' history import "$run"
	done
	set -- runs/*
	cp -r "$1" renamed
	sed -i "s/${1##*/}/019b0000-0000-7000-8000-000000000009/" renamed/plan.json renamed/trials.csv
	expect 0 'the same trials are there under another run_id' history import renamed
	"$hotbed" merge "$1" "$2" --out merged >/dev/null || fail 'merge'
	expect 0 'trials of it are there already, through a merge' history import merged
	rows >/dev/null
	cmp once.csv export.csv || fail 'importing again changed the history'
	# A merge first, its parts after it.
	expect 0 '1 new runs' "$hotbed" history import --db other.db merged
	expect 0 '0 new runs, 0 longer than before, 2 there already' "$hotbed" history import --db other.db "$1" "$2"
	# The order of import is of no consequence.
	for run in $(printf '%s\n' runs/* | sort -r); do
		expect 0 '1 new runs' "$hotbed" history import --db reverse.db "$run"
	done
	rows reverse.db >/dev/null
	sort once.csv >a && sort export.csv >b && cmp a b || fail 'another order of import gives another history'
	# A run of another machine is another series.
	make count=2 first=9 host=bbbbbbbbbbbb points=2 metrics=3
	expect 0 '2 new runs' history import runs
	expect 0 'bbbbbbbbbbbb' history show --json
	[ "$(history show | wc -l)" -eq 12 ] || fail 'two machines, six series each'
	# A run that has been resumed since is brought up to date; another one of the same name is refused.
	"$nights" "$work" first=30 count=1 blocks=3 >/dev/null && "$nights" runs first=30 count=1 >/dev/null
	set -- 019*
	expect 0 '1 new runs' history import "./$1"
	expect 0 '1 longer than before' history import "runs/$1"
	expect 0 'the history has more trials of it' history import "./$1"
	sed -i 's/,base,baseline,ok,call_0,1/,base,baseline,ok,call_0,2/' "runs/$1/trials.csv"
	expect 6 'another run called' history import "runs/$1"
	"$nights" "$work" first=31 count=1 smoke=1 >/dev/null
	expect 0 '1 new runs' history import "$work"
	expect 0 '(smoke)' history show
	expect 0 'x0.' history show 1
	expect 0 '"nights"' history show 1 --json
}

case_check()
{
	make count=30 points=3 step=24,1.2
	expect 0 '30 new runs' history import runs
	expect 1 '3 open, 0 other changes' history check
	expect 1 'suspected commits: 000000000000..000000000000' history check
	grep -q 'worse.*open.*spork/night idea call_0 n=2' output || fail 'the series is not named:'
	grep -q 'since 2026-01-25, 6 nights' output || fail 'the night is not named:'
	expect 1 '"schema":	"hotbed.history.check/1"' history check --json
	expect 1 '3 open' history check spork/night
	expect 0 '0 open' history check nicos
	# Numbers stay, whoever looks how often.
	history check >first 2>&1
	history check >second 2>&1
	cmp first second || fail 'a second look differs'
	# The same step together with other settings of the machine is labelled, and no alarm.
	rm -rf runs h.db && mkdir runs
	make count=30 step=24,1.2 env=24
	expect 0 '30 new runs' history import runs
	expect 0 'environment' history check
	expect 0 '0 open, 1 other' history check
	# Better is no alarm; losing it again is one, and what has come back is none.
	rm -rf runs h.db && mkdir runs
	make count=30 step=24,0.8
	expect 0 '30 new runs' history import runs
	expect 0 'better' history check
	make first=30 count=8
	expect 0 '8 new runs' history import runs
	expect 1 '1 open, 1 other' history check
	rm -rf runs h.db && mkdir runs
	make count=20
	make first=20 count=6 step=0,1.3
	expect 0 '26 new runs' history import runs
	expect 1 '1 open' history check
	make first=26 count=6
	expect 0 '6 new runs' history import runs
	expect 0 'resolved' history check
	# The build was the same: not the code.
	rm -rf runs h.db && mkdir runs
	make count=30 step=24,1.2 build=99
	expect 0 '30 new runs' history import runs
	expect 1 'look at the machine' history check
}

case_accept()
{
	make count=30 step=24,1.2
	expect 0 '30 new runs' history import runs
	expect 1 '1 open' history check
	expect 2 '--reason' history accept 1
	expect 2 'no change number 99' history accept 1 99 --reason 'wrong'
	expect 1 '1 open' history check
	expect 0 '1 change accepted' history accept 1 --reason 'safer, and worth it'
	expect 0 'accepted: safer, and worth it' history check
	# It stays accepted when more nights come in, and a new change is another one.
	make first=30 count=5 step=0,1.2
	expect 0 '5 new runs' history import runs
	expect 0 '0 open' history check
	make first=35 count=5 step=0,1.5
	expect 0 '5 new runs' history import runs
	expect 1 '1 open, 1 other' history check
}

case_prune()
{
	make count=100 noise=0.002
	expect 0 '100 new runs' history import runs
	expect 0 '0 open' history check
	expect 2 '--keep-days' history prune
	expect 0 '49 runs removed' history prune --keep-days 50
	[ "$(rows)" -eq 51 ] || fail "$(rows) rows are left instead of 51"
	expect 0 '49 new runs' history import runs
	# What an open change rests on stays: the 60 runs before it.
	make first=100 count=5 step=0,1.2
	expect 0 '5 new runs' history import runs
	expect 1 '1 open' history check
	expect 0 '40 runs removed' history prune --keep-days 1
	expect 1 '1 open' history check
	expect 0 'accepted' history accept 1 --reason 'known'
	expect 0 '63 runs removed' history prune --keep-days 1
}

# Killed at any moment, the history has whole runs, and importing again gives what one import would have given.
case_kill_nine()
{
	make count=300 points=2 metrics=2
	expect 0 '300 new runs' "$hotbed" history import --db whole.db runs
	rows whole.db >/dev/null
	sort export.csv >wanted
	kills=0
	for delay in 0.005 0.01 0.02 0.03 0.05 0.07 0.09 0.12 0.16 0.2 0.25 0.3 0.4 0.5; do
		"$hotbed" history import --db h.db runs >output 2>&1 &
		pid=$!
		sleep "$delay"
		kill -9 $pid 2>/dev/null && kills=$((kills + 1))
		wait $pid 2>/dev/null
		[ -e h.db ] || continue
		count=$(rows) || fail "not readable after a kill at $delay s"
		[ $((count % 4)) -eq 0 ] || fail "half a run after a kill at $delay s: $count rows"
		[ $((kills % 3)) -ne 0 ] || rm -f h.db h.db-wal h.db-shm
	done
	[ $kills -gt 0 ] || fail 'every import was finished before it was killed'
	expect 0 '' history import runs
	rows >/dev/null
	sort export.csv >got
	cmp wanted got || fail 'after the kills the history differs'
	echo "$kills kills"
}

case_two_importers()
{
	make count=60 points=2
	for i in 1 2 3 4; do
		"$hotbed" history import --db h.db runs >"out$i" 2>&1 &
		eval "pid$i=$!"
	done
	for i in 1 2 3 4; do
		eval "wait \$pid$i" || { cp "out$i" output; fail "importer $i failed"; }
	done
	[ "$(rows)" -eq 120 ] || fail "$(rows) rows instead of 120"
	total=$(cat out1 out2 out3 out4 | awk '{ total += $1 } END { print total }')
	[ "$total" -eq 60 ] || fail "the importers took $total runs, not 60"
}

case_locked()
{
	command -v sqlite3 >/dev/null || command -v python3 >/dev/null || lacks 'sqlite3 or python3'
	make count=2
	expect 0 '2 new runs' history import runs
	make first=2 count=1
	python3 - >locked 2>&1 <<-'END' &
		import sqlite3, sys, time
		db = sqlite3.connect("h.db", isolation_level=None)
		db.execute("BEGIN IMMEDIATE")
		print("locked", flush=True)
		time.sleep(60)
	END
	pid=$!
	for _ in $(seq 100); do
		[ -s locked ] && break
		sleep 0.1
	done
	grep -q locked locked || { kill $pid; lacks 'python3 with sqlite3'; }
	"$hotbed" history import --db h.db runs >output 2>&1
	code=$?
	kill $pid
	wait $pid 2>/dev/null
	[ $code -eq 7 ] || fail "exit code $code instead of 7 of a locked history"
	grep -q 'another program has been writing' output || fail 'it does not say why:'
	expect 0 '1 new runs' history import runs
}

case_full_disk()
{
	unshare -rm true 2>/dev/null || lacks 'user namespaces'
	make count=200 points=4 metrics=4
	mkdir small
	cat >in.sh <<-'END'
		mount -t tmpfs -o size=400k none small || exit 77
		"$1" history import --db small/h.db runs >output 2>&1
		code=$?
		[ $code -eq 77 ] && code=78
		cp small/h.db* .
		exit $code
	END
	unshare -rm sh in.sh "$hotbed"
	code=$?
	[ $code -eq 77 ] && lacks 'tmpfs in a user namespace'
	[ $code -eq 6 ] || fail "exit code $code instead of 6"
	grep -q 'the disk is full' output || fail 'it does not say why:'
	[ "$(sed -n 's/ new runs.*//p' output)" -eq $(($(rows) / 16)) ] || fail 'it counts runs that are not there:'
	[ $(($(rows) % 16)) -eq 0 ] || fail "half a run: $(rows) rows"
	expect 0 '' history import runs
	[ "$(rows)" -eq 3200 ] || fail "$(rows) rows instead of 3200"
}

case_read_only()
{
	unshare -rm true 2>/dev/null || lacks 'user namespaces'
	make count=30 step=24,1.2
	mkdir place
	expect 0 '30 new runs' "$hotbed" history import --db place/h.db runs
	rm -f place/h.db-wal place/h.db-shm
	cat >in.sh <<-'END'
		mount --bind place place && mount -o remount,ro,bind place || exit 77
		"$1" history import --db place/h.db runs >import 2>&1
		echo $? >>import
		"$1" history check --db place/h.db >check 2>&1
		echo $? >>check
		"$1" history show --db place/h.db >show 2>&1
		echo $? >>show
		"$1" history import --db place/new.db runs >new 2>&1
		echo $? >>new
	END
	unshare -rm sh in.sh "$hotbed" || lacks 'bind mounts in a user namespace'
	cp import output
	tail -n 1 import | grep -qx 6 || fail 'import into a read-only history:'
	grep -q 'read-only' import || fail 'import does not say why:'
	cp check output
	tail -n 1 check | grep -qx 1 || fail 'check of a read-only history:'
	grep -q 'worse' check || fail 'check finds nothing:'
	cp show output
	tail -n 1 show | grep -qx 0 || fail 'show of a read-only history:'
	cp new output
	tail -n 1 new | grep -qx 6 || fail 'a new history in a read-only folder:'
}

case_corrupt()
{
	make count=40 points=4 metrics=4
	expect 0 '40 new runs' history import runs
	size=$(wc -c <h.db)
	# A page in the middle of the file is overwritten.
	head -c 4096 /dev/urandom | dd of=h.db bs=1 seek=$((size / 8192 * 4096)) conv=notrunc 2>/dev/null
	expect 6 'damaged' history check
	expect 6 'damaged' history import runs
	grep -q 'history import' output || fail 'it does not say what to do:'
	echo 'certainly! here is your database' >h.db
	rm -f h.db-wal h.db-shm
	expect 6 'damaged or no history' history show
	: >h.db
	expect 0 '40 new runs' history import runs
	# A faulty run is named and left out; the others are taken.
	rm -f h.db h.db-wal h.db-shm
	set -- runs/*
	echo '{' >"$1/plan.json"
	rm "$2/trials.csv"
	expect 6 '38 new runs, 0 longer than before, 0 there already, 0 left out, 2 faulty' history import runs
	grep -q "$1/plan.json" output || fail 'the faulty file is not named:'
}

case_newer()
{
	command -v python3 >/dev/null || lacks python3
	make count=3
	expect 0 '3 new runs' history import runs
	python3 -c 'import sqlite3; sqlite3.connect("h.db").execute("PRAGMA user_version=99")' || lacks 'sqlite3 for python3'
	for action in import show check export 'prune --keep-days 1' 'accept 1 --reason x'; do
		# shellcheck disable=SC2086 # words
		expect 6 'a newer hotbed made this history (schema 99' history $action
	done
	python3 -c 'import sqlite3; db = sqlite3.connect("alien.db"); db.execute("CREATE TABLE a(b)")'
	expect 6 "another program's database" "$hotbed" history import --db alien.db runs
	python3 -c 'import sqlite3; sqlite3.connect("h.db").execute("PRAGMA user_version=1")'
	[ "$(rows)" -eq 3 ] || fail 'rows are lost'
}

case_clock()
{
	make first=40000 count=1
	expect 0 'made in the future' history import runs
	make first=3 count=1
	expect 0 '1 new runs' history import runs
	# What is older stands before what is newer, whenever it was imported.
	rows >/dev/null
	sed -n 2p export.csv | grep -q '2026-01-04' || fail "the order is not that of time: $(cut -d, -f2 export.csv)"
	set -- runs/*
	sed -i 's/"created_utc":"[^"]*"/"created_utc":"yesterday"/' "$1/plan.json"
	rm -f h.db*
	expect 6 'is no time in UTC' history import "$1"
}

case_no_baseline()
{
	make count=25 broken=20
	expect 0 'no ratio to the baseline' history import runs
	grep -q '25 new runs.*25 values, 5 without a ratio' output || fail 'the runs without baseline are not counted:'
	expect 0 '0 open' history check
	make first=25 count=2 broken=0
	expect 0 '2 new runs' history import runs
	expect 1 'no clear answer in 7 nights, since 2026-01-21' history check
	expect 0 'accepted' history accept 1 --reason 'the machine is being repaired'
	make first=27 count=1 broken=0
	expect 0 '1 new runs' history import runs
	expect 0 '0 open' history check
}

case_usage()
{
	expect 2 'there is no history yet' history show
	expect 2 'there is no history yet' history check
	expect 2 'takes import, show' "$hotbed" history
	expect 2 "did you mean 'import'" "$hotbed" history imprt
	expect 2 'at most 1 operands' history show a b
	expect 2 'no folder and no run_id' history import nothing-of-that-name
	expect 0 '0 new runs' history import runs
	expect 0 'the history is empty' history show
	expect 0 '0 open' history check
	expect 2 'has no series' history show 7
	expect 6 'folder' "$hotbed" history import --db no/such/folder/h.db runs
	expect 2 'is no number' history accept x --reason y
	make count=1
	"$hotbed" history import --db h.db runs --json >json || fail 'import --json'
	grep -q '"new":	"1"' json || fail 'import --json'
}

"case_$3" && echo ok
