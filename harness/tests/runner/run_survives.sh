#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a run must survive, with the real program and a driver that misbehaves:
#   run_survives.sh HOTBED DRIVERS_JSON CASE
# kill -9 at random moments, signals, full and read-only disks, two runners, a changed build. A case that this machine
# cannot show exits 77. HB_NIGHTLY=1 runs 200 kills instead of 40; HB_SEED chooses the moments.
set -u
hotbed=$1 drivers=$2 case=$3

# A measurement that goes on elsewhere must not hold up these cases: give them a machine lock of their own.
case $case in
steal | machine_lock | machine_lock_elsewhere)
	if [ "${HB_OWN_LOCK:-0}" = 0 ] && [ -d /run/lock ] && unshare -rm true 2>/dev/null; then
		[ -e /tmp/hotbed.lock ] || : >/tmp/hotbed.lock
		HB_OWN_LOCK=1 exec unshare -rm sh -c 'mount -t tmpfs none /run/lock &&
			: >/run/lock/second && mount --bind /run/lock/second /tmp/hotbed.lock &&
			exec sh "$0" "$@"' "$0" "$@"
	fi
	;;
esac
work=$(mktemp -d /tmp/hotbed-survives-XXXXXX)
started=

finish() {
	for pid in $started; do
		kill -9 "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
	echo "$case: $*" >&2
	[ -f "$work/log" ] && sed 's/^/  | /' "$work/log" >&2
	exit 1
}

# expect CODE COMMAND...: run it, its output in $work/log.
expect() {
	wanted=$1
	shift
	"$@" >"$work/log" 2>&1
	got=$?
	[ "$got" -eq "$wanted" ] || fail "exit code $got instead of $wanted: $*"
}

says() {
	grep -q -- "$1" "$work/log" || fail "the output does not say '$1'"
}

# begin COMMAND...: start it in the background; its pid is in $pid.
begin() {
	"$@" >"$work/log" 2>&1 &
	pid=$!
	started="$started $pid"
}

# wait_until COMMAND...: at most 20 s.
wait_until() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || fail "did not come about: $*"
		sleep 0.05
	done
}

commits() {
	grep -c ',trial_wall,' "$1" 2>/dev/null || true
}

has_commits() {
	[ "$(commits "$1")" -ge "$2" ]
}

# Is a trial of the variant running? Only the driver's command line has the option with its value.
trial_runs() {
	for file in /proc/[0-9]*/cmdline; do
		tr '\0' ' ' <"$file" 2>/dev/null
	done | grep -q -- "--variant $1 --params"
}

# Of every committed trial: experiment, params, block, slot and attempt; none may be there twice.
check_complete() {
	trials=$1 wanted=$2
	[ "$(commits "$trials")" -eq "$wanted" ] ||
		fail "$(commits "$trials") committed trials instead of $wanted"
	grep ',trial_wall,' "$trials" | cut -d, -f2-8 | sort | uniq -d >"$work/twice"
	[ -s "$work/twice" ] && fail "committed twice: $(head -1 "$work/twice")"
	grep ',trial_wall,' "$trials" | cut -d, -f9 | sort | uniq -d >"$work/twice"
	[ -s "$work/twice" ] && fail "a sequence number twice: $(head -1 "$work/twice")"
	return 0
}

run="$hotbed run --drivers $drivers"

# ---- cases ----

kill_nine() {
	kills=40
	[ "${HB_NIGHTLY:-0}" = 1 ] && kills=200
	seed=${HB_SEED:-$$}
	echo "HB_SEED=$seed"
	# A point per kill, 12 blocks of 3 trials each: more than the runners get done before they are killed.
	values=$(seq -s, 1 "$kills")
	planned=$((kills * 36))
	begin $run fake/trivial --set "n=$values" --seed 1 --out "$work/run"
	wait_until has_commits "$work/run/trials.csv" 1
	before=0 done=0 killed=0
	moments=$(awk -v seed="$seed" -v n="$kills" \
		'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.3f\n", 0.002 + 0.06 * rand() }')
	for moment in $moments; do
		sleep "$moment"
		if kill -9 "$pid" 2>/dev/null; then
			killed=$((killed + 1))
		fi
		wait "$pid" 2>/dev/null
		# Everything that was committed before is still the beginning of the file.
		if [ "$before" -gt 0 ]; then
			head -c "$before" "$work/run/trials.csv" | cmp -s - "$work/before" ||
				fail "committed bytes changed after kill $killed"
		fi
		last=$(grep -b ',trial_wall,' "$work/run/trials.csv" | tail -1)
		if [ -n "$last" ]; then
			offset=${last%%:*}
			line=${last#*:}
			size=$(wc -c <"$work/run/trials.csv")
			end=$((offset + ${#line} + 1))
			[ "$end" -gt "$size" ] && end=$offset
			head -c "$end" "$work/run/trials.csv" >"$work/before"
			before=$end
		fi
		if "$hotbed" status "$work/run" 2>/dev/null | grep -q ': done,'; then
			done=1
			break
		fi
		begin "$hotbed" resume "$work/run" --jobs 1
	done
	[ "$done" -eq 1 ] || { kill -9 "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; }
	expect 0 "$hotbed" resume "$work/run"
	check_complete "$work/run/trials.csv" "$planned"
	[ "$killed" -ge $((kills * 3 / 4)) ] || fail "only $killed kills hit a runner"
	echo "$killed kills; $planned trials, each committed once"
}

# The values of a run that was killed are those of one that was not.
same_values() {
	values=1,2,3,4,5,6,7,8
	expect 0 $run fake/trivial --set "n=$values" --seed 7 --out "$work/whole"
	begin $run fake/trivial --set "n=$values" --seed 7 --out "$work/cut"
	wait_until has_commits "$work/cut/trials.csv" 20
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	expect 0 "$hotbed" resume "$work/cut"
	for name in whole cut; do
		grep ',value,' "$work/$name/trials.csv" | cut -d, -f2-8,10-14,20 | sort >"$work/$name.txt"
	done
	cmp "$work/whole.txt" "$work/cut.txt" || fail "the values differ"
	[ -s "$work/whole.txt" ] || fail "there are no values to compare"
}

# Cut the file at many places: resume brings back exactly what is missing.
cut_anywhere() {
	expect 0 $run fake/trivial --seed 3 --blocks 6 --out "$work/whole"
	size=$(wc -c <"$work/whole/trials.csv")
	at=0
	while [ "$at" -lt "$size" ]; do
		rm -rf "$work/run"
		cp -r "$work/whole" "$work/run"
		head -c "$at" "$work/whole/trials.csv" >"$work/run/trials.csv"
		[ $((at % 2)) -eq 0 ] && head -c 5000 /dev/zero >>"$work/run/trials.csv"
		expect 0 "$hotbed" resume "$work/run"
		check_complete "$work/run/trials.csv" 18
		at=$((at + 397))
	done
}

# Without @1 this machine cannot show the case.
lacks() {
	echo "skip: needs $1"
	exit 77
}

order_of_writes() {
	command -v strace >/dev/null || lacks 'strace; run ./hotbed setup --all'
	strace -f -o /dev/null true 2>/dev/null || lacks 'permission to trace'
	# LeakSanitizer, in builds that have it, does not work under ptrace.
	ASAN_OPTIONS=detect_leaks=0 strace -f -y -e trace=write,fdatasync,fsync,rename,renameat,execve -o "$work/trace" \
		$run fake/behave --filter 'variant=[hc][ih]*' --blocks 1 --jobs 1 --out "$work/run" \
		>"$work/log" 2>&1 || fail "the traced run failed"
	cat >"$work/order.awk" <<-'END'
		function wrong(why) { print why; failed = 1; exit 1 }
		# plan.json is durable before the first trial is started, and so are the names of all files.
		/fdatasync\(.*plan\.json\.tmp/ { plan_synced = 1 }
		/rename.*plan\.json/ { if (!plan_synced) wrong("plan.json was not synced before its rename"); plan = 1 }
		/fdatasync\(.*trials\.csv>/ { header = 1 }
		/fsync\([0-9]*<[^>]*\/run>/ { if (header) names = 1 }
		/execve.*--trial/ {
			if (!plan) wrong("a trial was started before plan.json was there")
			if (!names) wrong("a trial was started before the folder was synced")
			if (open) wrong("a trial began before the last was synced")
		}
		# What a trial leaves is synced before its rows, these before the next one begins.
		/write\(.*hist\.hlog>/ { hist = NR; hist_synced = 0; hists++ }
		/fdatasync\(.*hist\.hlog>/ { hist_synced = NR }
		/write\(.*\/logs\/[0-9]*\.txt>/ { log_open = 1; logs++ }
		/ fsync\(.*\/logs\/[0-9]*\.txt>/ { log_open = 0 }
		/write\(.*trials\.csv>/ {
			if (hist && !hist_synced) wrong("rows before the histogram was synced")
			if (log_open) wrong("rows before the log was synced")
			if (open) wrong("two writes without fdatasync between")
			open = 1; writes++; hist = 0
		}
		/fdatasync\(.*trials\.csv>/ { open = 0 }
		END {
			if (!failed && (writes < 5 || hists < 2 || logs < 1)) {
				print "too few writes: " writes " of rows, " hists " of histograms, " logs " of logs"
				exit 1
			}
			exit failed
		}
	END
	awk -f "$work/order.awk" "$work/trace" >"$work/why" || fail "$(cat "$work/why")"
}

full_disk() {
	unshare -rm true 2>/dev/null || lacks 'user namespaces'
	mkdir "$work/small"
	cat >"$work/in.sh" <<-'END'
		mount -t tmpfs -o size=200k none "$2/small" || exit 77
		shift_hotbed=$1 dir=$2 drivers=$3
		"$shift_hotbed" run --drivers "$drivers" fake/trivial \
			--set n=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20 --seed 1 \
			--out "$dir/small/run" >"$dir/log" 2>&1
		code=$?
		[ $code -eq 77 ] && code=78
		cp -r "$dir/small/run" "$dir/kept"
		exit $code
	END
	unshare -rm sh "$work/in.sh" "$hotbed" "$work" "$drivers"
	code=$?
	[ $code -eq 77 ] && lacks 'tmpfs in a user namespace'
	[ $code -eq 6 ] || fail "exit code $code instead of 6"
	says 'No space left on device'
	says 'resume'
	there=$(commits "$work/kept/trials.csv")
	[ "$there" -gt 10 ] || fail "only $there trials were committed before the disk was full"
	expect 0 "$hotbed" resume "$work/kept"
	check_complete "$work/kept/trials.csv" 720
}

read_only() {
	unshare -rm true 2>/dev/null || lacks 'user namespaces'
	mkdir "$work/ro"
	cat >"$work/in.sh" <<-'END'
		mount -t tmpfs -o ro none "$2/ro" || exit 77
		"$1" run --drivers "$3" fake/trivial --out "$2/ro/run" >"$2/log" 2>&1
	END
	unshare -rm sh "$work/in.sh" "$hotbed" "$work" "$drivers"
	code=$?
	[ $code -eq 77 ] && lacks 'tmpfs in a user namespace'
	[ $code -eq 6 ] || fail "exit code $code instead of 6"
	says 'Read-only file system'
	says '--out'
}

two_runners() {
	begin $run fake/behave --filter variant=slow --blocks 1 --out "$work/run"
	wait_until test -f "$work/run/plan.json"
	"$hotbed" resume "$work/run" >"$work/second" 2>&1
	code=$?
	[ $code -eq 7 ] || fail "the second runner's exit code is $code instead of 7"
	grep -q "process $pid" "$work/second" || fail "it does not name process $pid: $(cat "$work/second")"
	wait "$pid" || fail "the first runner failed"
	expect 2 $run fake/trivial --out "$work/run"
	says 'already'
	check_complete "$work/run/trials.csv" 3
}

# Two runs of wall-time trials on one machine: the second waits and says for whom.
machine_lock() {
	begin $run fake/trivial-wall --set n=1,2,3,4,5,6,7,8 --out "$work/first"
	first=$pid
	wait_until has_commits "$work/first/trials.csv" 1
	$run fake/trivial-wall --blocks 1 --out "$work/second" >"$work/log2" 2>&1 ||
		fail "the second run failed"
	grep -q "waiting for the machine" "$work/log2" || fail "it did not wait: $(cat "$work/log2")"
	wait "$first" || fail "the first run failed"
	check_complete "$work/first/trials.csv" 288
	check_complete "$work/second/trials.csv" 3
}

# Who may not write to /run/lock has the lock in /tmp: the others must see it all the same.
machine_lock_elsewhere() {
	[ "${HB_OWN_LOCK:-0}" = 1 ] || lacks '/run/lock and user namespaces'
	cat >"$work/in.sh" <<-'END'
		mount -t tmpfs -o ro none /run/lock || exit 77
		exec "$1" run --drivers "$2" fake/trivial-wall --set n=1,2,3,4,5,6,7,8 --out "$3/first"
	END
	begin unshare -m sh "$work/in.sh" "$hotbed" "$drivers" "$work"
	first=$pid
	wait_until has_commits "$work/first/trials.csv" 1
	$run fake/trivial-wall --blocks 1 --out "$work/second" >"$work/log2" 2>&1 ||
		fail "the second run failed"
	grep -q "waiting for the machine" "$work/log2" || fail "it did not wait: $(cat "$work/log2")"
	wait "$first" || fail "the first run failed"
	check_complete "$work/second/trials.csv" 3
}

# Without standard streams, nothing of what is said may land in the files of the run.
closed_streams() {
	for closed in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
		rm -rf "$work/run"
		(eval "$run fake/behave --filter 'variant=[gc]*' --blocks 2 --jobs 1 --out '$work/run' $closed") \
			>"$work/log" 2>&1
		code=$?
		wanted=3
		case " $closed" in
		*' >&-'*) wanted=6 ;; # what it found cannot be printed
		esac
		[ $code -eq $wanted ] || fail "$closed: exit code $code instead of $wanted"
		id=$(sed -n '2s/,.*//p' "$work/run/trials.csv")
		sed 1d "$work/run/trials.csv" | grep -v "^$id," && fail "$closed: these stand in trials.csv"
		sed 1,3d "$work/run/hist.hlog" | grep . && fail "$closed: these stand in hist.hlog"
		check_complete "$work/run/trials.csv" 10
	done
}

interrupted_once() {
	signal=$1
	begin $run fake/behave --filter variant=slow --blocks 2 --jobs 1 --out "$work/run"
	wait_until has_commits "$work/run/trials.csv" 1
	kill -"$signal" "$pid"
	wait "$pid"
	code=$?
	[ $code -eq 75 ] || fail "exit code $code instead of 75"
	says 'hotbed resume'
	grep ',trial_wall,' "$work/run/trials.csv" | grep -q ',interrupted,' &&
		fail "the running trial was not finished"
	expect 0 "$hotbed" resume "$work/run"
	check_complete "$work/run/trials.csv" 6
}

interrupted_twice() {
	begin $run fake/behave --filter variant=hang --blocks 1 --jobs 1 --out "$work/run"
	wait_until test -f "$work/run/hist.hlog"
	# Until it is the hanging trial's turn, one signal would be enough.
	wait_until trial_runs hang
	kill -INT "$pid"
	sleep 0.3
	kill -INT "$pid"
	wait "$pid"
	code=$?
	[ $code -eq 75 ] || fail "exit code $code instead of 75"
	grep ',trial_wall,' "$work/run/trials.csv" | grep -q ',interrupted,' ||
		fail "there is no interrupted trial"
	expect 0 "$hotbed" status "$work/run"
	says 'stopped'
}

changed_build() {
	mkdir "$work/build"
	cp "$(dirname "$drivers")/hotbed-fake" "$work/build/"
	cp "$drivers" "$work/build/drivers.json"
	begin "$hotbed" run --drivers "$work/build/drivers.json" fake/trivial \
		--set n=1,2,3,4,5,6,7,8 --out "$work/run"
	wait_until has_commits "$work/run/trials.csv" 3
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	# A new file in its place: the old one may still be executing.
	{ cat "$work/build/hotbed-fake" && printf 'x'; } >"$work/build/new"
	chmod +x "$work/build/new"
	mv "$work/build/new" "$work/build/hotbed-fake"
	expect 7 "$hotbed" resume "$work/run"
	says 'build has changed'
	expect 0 "$hotbed" resume "$work/run" --allow-rebuild
	check_complete "$work/run/trials.csv" 288
	[ "$(grep ',trial_wall,' "$work/run/trials.csv" | cut -d, -f27 | sort -u | wc -l)" -eq 2 ] ||
		fail "the rows do not tell the builds apart"
}

# A build beside the running measurement: no trial of the new driver may carry the old build's id.
replaced_build() {
	mkdir "$work/build"
	cp "$(dirname "$drivers")/hotbed-fake" "$work/build/"
	cp "$drivers" "$work/build/drivers.json"
	begin "$hotbed" run --drivers "$work/build/drivers.json" fake/behave --filter variant=slow --jobs 1 \
		--out "$work/run"
	wait_until has_commits "$work/run/trials.csv" 1
	{ cat "$work/build/hotbed-fake" && printf 'x'; } >"$work/build/new"
	chmod +x "$work/build/new"
	mv "$work/build/new" "$work/build/hotbed-fake"
	wait "$pid"
	code=$?
	[ $code -eq 7 ] || fail "exit code $code instead of 7"
	says 'has been replaced'
	there=$(commits "$work/run/trials.csv")
	[ "$there" -lt 18 ] || fail "the run went on"
	expect 7 "$hotbed" resume "$work/run"
	rm "$work/build/hotbed-fake"
	expect 7 "$hotbed" resume "$work/run"
	cp "$(dirname "$drivers")/hotbed-fake" "$work/build/"
	expect 0 "$hotbed" resume "$work/run"
	check_complete "$work/run/trials.csv" 18
}

removed_folder() {
	begin $run fake/behave --filter variant=slow --jobs 1 --out "$work/run"
	wait_until has_commits "$work/run/trials.csv" 1
	rm -r "$work/run"
	wait "$pid"
	code=$?
	[ $code -eq 6 ] || fail "exit code $code instead of 6"
	says 'was removed while'
	grep -q '18 of 18 trials' "$work/log" && fail "the run went on without a folder"
	return 0
}

# Rows that are not this run's are refused by what counts on them, and nothing is cut off.
edited_rows() {
	expect 0 $run fake/trivial --seed 3 --blocks 6 --out "$work/whole"
	id=$(sed -n '2s/,.*//p' "$work/whole/trials.csv")
	for edit in "4,5s/^$id/00000000-0000-7000-8000-000000000000/" '4,5s/,fake,/,fraud,/' \
		'4,5s/,trivial,/,trifling,/' '4,5s/,ok,/,fine,/' '4,5s/,n=1,0,/,n=1,-1,/' \
		'4,5s/,n=1,0,/,n=1,18446744073709551616,/' '1s/,slot,/,place,/' '4,5s/$/,more/'; do
		rm -rf "$work/run"
		cp -r "$work/whole" "$work/run"
		sed "$edit" "$work/whole/trials.csv" >"$work/run/trials.csv"
		cmp -s "$work/run/trials.csv" "$work/whole/trials.csv" && fail "$edit changes nothing"
		cp "$work/run/trials.csv" "$work/edited"
		for command in status resume; do
			expect 6 "$hotbed" $command "$work/run"
			says 'trials.csv'
		done
		cmp "$work/edited" "$work/run/trials.csv" || fail "$edit: the file was changed"
	done
}

# A digest of a trial before the kill is compared with those after it.
digest_across_resume() {
	for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		rm -rf "$work/run"
		expect 3 $run fake/behave --filter variant=wrong-digest --blocks 1 --jobs 1 --seed "$seed" \
			--out "$work/run"
		grep ',trial_wall,' "$work/run/trials.csv" | sed -n 3p | grep -q ',wrong-digest,' && break
	done
	line=$(grep -n ',trial_wall,' "$work/run/trials.csv" | sed -n '2s/:.*//p')
	head -n "$line" "$work/run/trials.csv" >"$work/cut"
	cp "$work/cut" "$work/run/trials.csv"
	[ "$(commits "$work/run/trials.csv")" -eq 2 ] || fail "no seed has the wrong digest last"
	expect 3 "$hotbed" resume "$work/run"
	grep ',wrong-digest,idea,verify_failed,' "$work/run/trials.csv" | grep -q ',trial_wall,' ||
		fail "the wrong digest was not noticed"
}

newer_plan() {
	expect 0 $run fake/trivial --blocks 1 --out "$work/run"
	sed -i 's|hotbed.plan/1|hotbed.plan/9|' "$work/run/plan.json"
	expect 6 "$hotbed" resume "$work/run"
	says 'hotbed.plan/9'
	expect 2 "$hotbed" resume "$work/nowhere"
}

bad_drivers() {
	expect 3 $run fake/behave --blocks 1 --filter \
		'variant=[cefgmnosu]*' --out "$work/run" --max-time 50s
	check_complete "$work/run/trials.csv" "$(commits "$work/run/trials.csv")"
	for pair in crash:crashed exit-three:crashed fail-run:crashed fail-setup:setup_failed \
		fail-verify:verify_failed garbage:protocol_error missing-metric:protocol_error \
		no-done:protocol_error not-a-number:protocol_error overload:invalid_load \
		silent:protocol_error skip:skipped unknown-metric:protocol_error flood-output:timeout \
		flood-result:protocol_error early-metric:protocol_error chatty:ok; do
		grep ',trial_wall,' "$work/run/trials.csv" |
			grep -q ",${pair%%:*},idea,${pair##*:}," || fail "not found: $pair"
	done
	log=$(ls "$work/run/logs")
	[ "$(wc -c <"$work/run/logs/$(echo "$log" | head -1)")" -lt 70000 ] || fail "a log is not capped"
	ls -d /tmp/hotbed-"$(sed -n 's/.*"run_id":[^"]*"\([^"]*\)".*/\1/p' "$work/run/plan.json")" \
		2>/dev/null && fail "a private folder is left"
	return 0
}

gives_up() {
	expect 3 $run fake/behave --filter variant=crash --blocks 8 --jobs 1 --out "$work/run"
	says 'given up'
	[ "$(grep ',trial_wall,' "$work/run/trials.csv" | grep -c ',crashed,')" -eq 3 ] ||
		fail "it was not given up after three failures"
}

steal() {
	expect 0 $run fake/noisy --blocks 1 --set steal_first=3 --out "$work/run"
	check_complete "$work/run/trials.csv" 6
	[ "$(grep ',trial_wall,' "$work/run/trials.csv" | cut -d, -f8 | sort | uniq -c |
		tr -s ' ' | tr '\n' ';')" = " 3 0; 3 1;" ] || fail "the block was not run again once"
	grep ',trial_wall,' "$work/run/trials.csv" | grep ',steal,' | cut -d, -f8 | grep -q 1 &&
		fail "the second attempt is flagged"
	expect 0 $run fake/noisy --blocks 1 --set steal_first=1000 --out "$work/never"
	check_complete "$work/never/trials.csv" 9
}

nondeterministic() {
	expect 0 $run fake/random --out "$work/run"
	grep -q 'nondeterministic' "$work/run/trials.csv" || fail "it was not flagged"
	expect 0 $run fake/trivial --out "$work/fine"
	grep -q 'nondeterministic' "$work/fine/trials.csv" && fail "exact values were flagged"
	return 0
}

against() {
	expect 0 $run fake/trivial --against "$(dirname "$drivers")" --out "$work/run"
	grep ',trial_wall,' "$work/run/trials.csv" | grep -q ',trivial:plain,' || fail "no trivial:plain"
	grep ',trial_wall,' "$work/run/trials.csv" | grep -q ',plain@against,baseline,' ||
		fail "the other build is not the baseline"
	check_complete "$work/run/trials.csv" 72
}

gate() {
	expect 0 $run fake/trivial --against "$(dirname "$drivers")" --gate --out "$work/run"
	says 'hotbed gate: passed'
	grep -q 'hotbed gate: passed' "$work/run/gate.md" || fail 'no gate.md'
	expect 2 $run fake/trivial --gate --out "$work/none"
	says '--against'
	expect 2 $run fake/trivial --quick --against "$(dirname "$drivers")" --gate --out "$work/none"
	says 'needs verdicts'
	expect 2 $run fake/trivial --blocks 3 --against "$(dirname "$drivers")" --gate --out "$work/none"
	says 'needs verdicts'
}

usage() {
	expect 2 $run fake/trivail --out "$work/run"
	says "did you mean 'fake/trivial'"
	expect 2 $run fake/trivial --blocks 0 --out "$work/run"
	expect 2 $run fake/trivial --blocks 99999999999999999999 --out "$work/run"
	expect 2 $run fake/trivial --set n=refused --out "$work/run"
	expect 2 $run fake/trivial --max-time yesterday --out "$work/run"
	expect 2 $run fake/trivial --max-time 0x10 --out "$work/run"
	expect 2 $run fake/trivial --max-time 1e3 --out "$work/run"
	expect 2 $run fake/trivial --seed x --out "$work/run"
	expect 2 $run fake/trivial --out ""
	says "'--out' needs a value"
	expect 2 $run --quick --full --out "$work/run"
	expect 2 $run --all fake --out "$work/run"
	expect 2 "$hotbed" run --drivers "$work/nowhere.json" --out "$work/run"
	printf '{"schema": "hotbed.drivers/1", "drivers": []}' >"$work/none.json"
	expect 77 "$hotbed" run --drivers "$work/none.json" --out "$work/run"
	expect 77 $run fake/giant --out "$work/giant"
	says 'needs 1.07e+09 GiB'
	[ -e "$work/run" ] && fail "a refused run left a folder"
	return 0
}

time_limit() {
	expect 0 $run fake/behave --filter variant=slow --blocks 100 --jobs 1 --max-time 4s \
		--out "$work/run"
	says 'hotbed resume'
	there=$(commits "$work/run/trials.csv")
	[ $((there % 3)) -eq 0 ] || fail "it stopped inside a block: $there trials"
	[ "$there" -ge 3 ] && [ "$there" -lt 100 ] || fail "$there trials"
}

json() {
	"$hotbed" run --drivers "$drivers" fake/trivial --json --out "$work/run" >"$work/out" 2>"$work/log"
	[ $? -eq 0 ] || fail "exit code"
	[ "$(wc -l <"$work/out")" -eq 1 ] || fail "more than one line on standard output"
	grep -q '"schema":"hotbed.run/1".*"trials_done":36' "$work/out" || fail "$(cat "$work/out")"
	[ -s "$work/log" ] && fail "something on standard error"
	"$hotbed" status --json "$work/run" >"$work/out" || fail "status"
	grep -q '"state":"done"' "$work/out" || fail "$(cat "$work/out")"
}

sabotage() {
	expect 3 $run fake/trivial --quick --sabotage --out "$work/run"
	grep ',trial_wall,' "$work/run/trials.csv" | cut -d, -f12 | sort -u >"$work/statuses"
	[ "$(cat "$work/statuses")" = verify_failed ] || fail "$(cat "$work/statuses")"
}

case $case in
interrupted_once) interrupted_once INT ;;
terminated) interrupted_once TERM ;;
kill_nine | same_values | cut_anywhere | order_of_writes | full_disk | read_only | two_runners | \
	machine_lock | machine_lock_elsewhere | closed_streams | interrupted_twice | changed_build | \
	replaced_build | removed_folder | edited_rows | digest_across_resume | newer_plan | bad_drivers | \
	gives_up | steal | nondeterministic | against | gate | usage | time_limit | json | sabotage) $case ;;
*)
	echo "run_survives.sh: unknown case '$case'" >&2
	exit 2
	;;
esac
