#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The Slurm executor against a real cluster, which this script starts on loopback: munged, slurmctld and two slurmd.
#   slurm.sh HOTBED DRIVERS_JSON CASE
# Where root may, the second node has other memory, so that it is another machine to hotbed.
set -u
hotbed=$(realpath "$1") drivers=$(realpath "$2") case=$3
PATH=$PATH:/usr/sbin:/sbin

lacks() {
	echo "skip: needs $*"
	exit 77
}

for program in munged slurmctld slurmd sbatch squeue scancel scontrol sinfo; do
	command -v $program >/dev/null || lacks "$program; ./hotbed setup --all installs it"
done

work=$(mktemp -d /tmp/hotbed-slurm-XXXXXX) || exit 99
started=

# Processes with a file or a socket open, or standing, below folder $1.
users_of() {
	sockets=$(awk -v folder="$1" 'index($8, folder) == 1 { printf "%ssocket:\\[%s\\]", bar, $7; bar = "|" }' /proc/net/unix)
	for process in /proc/[0-9]*; do
		[ "${process#/proc/}" = $$ ] && continue
		ls -l "$process/cwd" "$process/fd" 2>/dev/null | grep -qE -- "-> ($1${sockets:+|$sockets})" && echo "${process#/proc/}"
	done
}

finish() {
	for pid in $started; do
		kill -9 "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	# A step outlives its slurmd.
	# shellcheck disable=SC2046 # a list of numbers
	kill -9 $(users_of "$work") 2>/dev/null
	rm -rf "$work" 2>/dev/null || { sleep 1; rm -rf "$work"; }
}
trap finish EXIT
trap 'fail ended by a signal' HUP INT TERM

fail() {
	echo "NOT OK: $case: $*" >&2
	for log in "$work"/log "$work"/run/slurm/*.log "$work"/slurmctld.log; do
		[ -s "$log" ] && echo "--- $log" >&2 && tail -40 "$log" | sed 's/^/  | /' >&2
	done
	exit 1
}

# wait_until COMMAND...: at most two minutes.
wait_until() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || fail "did not come about: $*"
		sleep 0.1
	done
}

# begin COMMAND...: in the background; its pid is in $pid.
begin() {
	"$@" >>"$work/log" 2>&1 &
	pid=$!
	started="$started $pid"
}

# ---- the cluster ----

write_conf() {
	host=$(hostname)
	cat >"$work/slurm.conf" <<-END
		ClusterName=hotbed
		SlurmctldHost=$host(127.0.0.1)
		SlurmctldPort=$1
		SlurmUser=$(id -un)
		SlurmdUser=$(id -un)
		AuthType=auth/munge
		AuthInfo=socket=$work/munge.socket,cred_expire=5
		CredType=cred/munge
		StateSaveLocation=$work/state
		SlurmdSpoolDir=$work/spool.%n
		SlurmctldPidFile=$work/slurmctld.pid
		SlurmdPidFile=$work/slurmd.%n.pid
		SlurmctldLogFile=$work/slurmctld.log
		SlurmdLogFile=$work/slurmd.%n.log
		MailProg=/bin/true
		MpiDefault=none
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_CPU
		SchedulerParameters=sched_interval=1
		JobAcctGatherType=jobacct_gather/none
		ReturnToService=2
		SlurmdTimeout=$slurmd_timeout
		SlurmctldTimeout=5
		KillWait=2
		NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$2 CPUs=2
		NodeName=node2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$3 CPUs=2
		PartitionName=all Nodes=node1,node2 Default=YES State=UP MaxTime=INFINITE
	END
}

start_controller() {
	slurmctld -D -f "$work/slurm.conf" >>"$work/controller.out" 2>&1 &
	controller=$!
	started="$started $controller"
}

# A node with other memory is another machine; only root may pretend so, in a mount namespace of its own.
start_node() {
	if [ "$1" = node2 ] && [ -n "$other_memory" ]; then
		unshare -m sh -c 'mount --bind "$0" /proc/meminfo && exec slurmd -D -N node2 -f "$1"' \
			"$work/meminfo" "$work/slurm.conf" >>"$work/$1.out" 2>&1 &
	else
		slurmd -D -N "$1" -f "$work/slurm.conf" >>"$work/$1.out" 2>&1 &
	fi
	started="$started $!"
	eval "$1=$!"
}

nodes_idle() {
	[ "$(sinfo --noheader --states=idle --format=%D | awk '{ n += $1 } END { print n }')" = 2 ]
}

start_cluster() {
	mkdir "$work/state" "$work/spool.node1" "$work/spool.node2" "$work/tmp"
	# Tasks that are killed leave their temporary files behind.
	export TMPDIR="$work/tmp"
	head -c 128 /dev/urandom >"$work/munge.key"
	chmod 400 "$work/munge.key"
	chmod 711 "$work"
	# A busy machine must not look like a dead node, but where one dies this is waited for.
	slurmd_timeout=120
	case $case in node | lost) slurmd_timeout=5 ;; esac
	# Ports below those that the kernel gives to clients, others for each process that runs now.
	port=$((12000 + $$ % 5000 * 4))
	write_conf $port $((port + 1)) $((port + 2))
	export SLURM_CONF="$work/slurm.conf"
	munged --foreground --force --key-file="$work/munge.key" --socket="$work/munge.socket" \
		--pid-file="$work/munge.pid" --seed-file="$work/munge.seed" >"$work/munge.out" 2>&1 &
	started="$started $!"
	other_memory=
	if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
		sed '1s/[0-9]\+/8388608/' /proc/meminfo >"$work/meminfo"
		other_memory=1
	fi
	wait_until test -S "$work/munge.socket"
	start_controller
	until scontrol ping 2>/dev/null | grep -q UP; do
		# Its port may be somebody's.
		if ! kill -0 "$controller" 2>/dev/null; then
			port=$((port + 4))
			[ $port -lt 32000 ] || fail 'slurmctld does not start'
			write_conf $port $((port + 1)) $((port + 2))
			start_controller
		fi
		sleep 0.1
	done
	start_node node1
	start_node node2
	wait_until nodes_idle
}

# ---- what a run must be ----

trials() {
	grep -c ',trial_wall,' "$work/run/trials.csv" 2>/dev/null || true
}

has_trials() {
	[ "$(trials)" -ge "$1" ]
}

# Every planned trial once, and each block on one machine.
check_run() {
	file=$work/run/trials.csv
	[ "$(trials)" -eq "$1" ] || fail "$(trials) trials instead of $1"
	grep ',trial_wall,' "$file" | cut -d, -f3-8 | sort | uniq -d >"$work/twice"
	[ -s "$work/twice" ] && fail "committed twice: $(head -1 "$work/twice")"
	grep ',trial_wall,' "$file" | cut -d, -f9 | sort | uniq -d >"$work/twice"
	[ -s "$work/twice" ] && fail "a sequence number twice: $(head -1 "$work/twice")"
	grep -c ',ok,trial_wall,' "$file" | grep -qx "$1" || fail 'trials failed'
	grep ',trial_wall,' "$file" | awk -F, '{ print $3, $5, $6, $(NF - 3) }' | sort -u | awk '{ print $1, $2, $3 }' |
		uniq -d >"$work/split"
	[ -s "$work/split" ] && fail "a block on two machines: $(head -1 "$work/split")"
	[ -s "$work/run/report.html" ] || fail 'no report'
	squeue --noheader --states=pending,running --name="hotbed-$(cut -d, -f1 "$file" | sed -n 2p)" | grep -q . && fail 'tasks are left in the queue'
	return 0
}

hosts() {
	grep ',trial_wall,' "$work/run/trials.csv" | awk -F, '{ print $(NF - 3) }' | sort -u | wc -l
}

# What must not depend on where it ran.
values() {
	cut -d, -f2-8,10-18,20-21 "$1" | grep -v -e ',trial_wall,' | sort
}

run="$hotbed run --drivers $drivers --executor slurm"
slow='fake/behave --filter variant=slow'

# ---- cases ----

case_same() {
	what='fake/trivial fake/trivial-wall --set n=1,2 --blocks 6 --seed 7'
	"$hotbed" run --drivers "$drivers" $what --out "$work/local" >"$work/log" 2>&1 || fail 'the local run'
	$run --partition all --nodes 2 --exclusive $what --out "$work/run" >"$work/log" 2>&1 || fail 'the run'
	check_run 72
	values "$work/local/trials.csv" >"$work/here"
	values "$work/run/trials.csv" >"$work/there"
	cmp -s "$work/here" "$work/there" || fail "values differ: $(diff "$work/here" "$work/there" | head -5)"
	if [ -n "$other_memory" ]; then
		[ "$(hosts)" = 2 ] || fail "$(hosts) host_ids instead of two"
		ls "$work"/run/env-*.json >/dev/null 2>&1 || fail 'the second machine is not described'
	else
		echo 'one host_id only: two need root'
	fi
	"$hotbed" history import --db "$work/h.db" "$work/run" >"$work/log" 2>&1 || fail 'import'
	grep -q '^1 new runs' "$work/log" || fail 'the run is not in the history'
	# What was finished is not run again.
	"$hotbed" resume "$work/run" >"$work/log" 2>&1 || fail 'resume of a finished run'
	check_run 72
	$run --partition nowhere fake/trivial --out "$work/refused" >"$work/log" 2>&1
	[ $? = 6 ] || fail 'a partition that is not there: exit code'
	grep -q 'sbatch refuses' "$work/log" || fail 'a partition that is not there: no message'
	"$hotbed" run --nodes 2 --drivers "$drivers" fake/trivial >"$work/log" 2>&1
	[ $? = 2 ] || fail '--nodes without --executor'
}

# The head is killed at three moments; tasks go on, and a new head takes their blocks.
case_head() {
	begin $run --nodes 2 --exclusive $slow --blocks 8 --seed 5 --out "$work/run"
	wait_until test -d "$work/run/slurm"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	begin "$hotbed" resume "$work/run"
	wait_until has_trials 3
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	# A block of which a part only had reached the disk.
	size=$(wc -c <"$work/run/trials.csv")
	truncate -s $((size - 900)) "$work/run/trials.csv"
	"$hotbed" resume "$work/run" >>"$work/log" 2>&1 || fail 'resume'
	check_run 24
}

case_controller() {
	begin $run --nodes 2 --exclusive $slow --blocks 8 --seed 5 --out "$work/run"
	wait_until has_trials 3
	kill -TERM "$controller"
	wait "$controller" 2>/dev/null
	wait_until grep -q 'controller does not answer' "$work/log"
	start_controller
	wait "$pid" || fail 'the run'
	grep -q 'controller is back' "$work/log" || fail 'no word of its return'
	check_run 24
}

task_on() {
	squeue --noheader --states=running --nodelist="$1" | grep -q .
}

tasks_of() {
	for process in /proc/[0-9]*; do
		tr '\0' '\n' 2>/dev/null <"$process/environ" >"$work/environ" || continue
		grep -qx "SLURM_CONF=$work/slurm.conf" "$work/environ" && grep -qx "SLURMD_NODENAME=$1" "$work/environ" &&
			echo "${process#/proc/}"
	done 2>/dev/null
}

# A node dies with all that runs there; Slurm notices after a while and has the task run elsewhere.
case_node() {
	begin $run --nodes 2 --exclusive $slow --blocks 16 --seed 5 --out "$work/run"
	wait_until task_on node2
	# First those who could tell Slurm that the task has ended.
	# shellcheck disable=SC2046,SC2154 # lists of numbers; set by eval
	kill -9 "$node2" $(users_of "$work/spool.node2")
	# shellcheck disable=SC2046
	kill -9 $(tasks_of node2) 2>/dev/null
	wait "$pid" || fail 'the run'
	grep -q 'due to failure of node node2' "$work/slurmctld.log" || fail 'Slurm has not noticed'
	check_run 48
}

# Slurm loses a node whose tasks go on and finish: what they did counts, and only once.
case_lost() {
	begin $run --nodes 2 --exclusive $slow --blocks 16 --seed 5 --out "$work/run"
	wait_until task_on node2
	kill -9 "$node2"
	wait "$pid" || fail 'the run'
	check_run 48
}

# The machine is taken away: Slurm ends a task and queues it again.
case_preempted() {
	begin $run --nodes 2 --exclusive $slow --blocks 8 --seed 5 --out "$work/run"
	wait_until task_on node2
	scontrol requeue "$(squeue --noheader --states=running --nodelist=node2 --format=%A)" || fail 'requeue'
	wait "$pid" || fail 'the run'
	ls -d "$work"/run/slurm/*-*-1 >/dev/null 2>&1 || fail 'no task was started again'
	check_run 24
}

# SIGTERM to the head cancels the tasks; what they have finished stays.
case_cancelled() {
	begin $run --nodes 2 --exclusive $slow --blocks 8 --seed 5 --out "$work/run"
	wait_until has_trials 3
	kill -TERM "$pid"
	wait "$pid"
	code=$?
	[ $code = 75 ] || fail "exit code $code instead of 75"
	squeue --noheader --states=pending,running | grep -q . && fail 'tasks are left in the queue'
	"$hotbed" resume "$work/run" >>"$work/log" 2>&1 || fail 'resume'
	check_run 24
}

case $case in
same | head | controller | cancelled | node | lost | preempted) ;;
*) echo "slurm.sh: no case $case" >&2 && exit 2 ;;
esac
start_cluster
"case_$case"
echo "ok: $case"
