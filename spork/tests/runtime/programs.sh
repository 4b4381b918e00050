#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# programs.sh SPORK - real programs that fork, natively and under spork: the same output and status. Those that are not
# installed are named.
set -u

spork=$(realpath "$1") || exit 99
failed=0
total=0
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
XDG_CACHE_HOME=$scratch/cache
export XDG_CACHE_HOME
mkdir -m 700 "$XDG_CACHE_HOME"
cd "$scratch" || exit 99

fault()
{
	echo "$*"
	failed=$((failed + 1))
}

alike()
{
	if ! command -v "$1" >/dev/null; then
		echo "not installed: $1"
		return
	fi
	rm -rf native ours
	mkdir native ours
	(cd native && "$@" >../native.out 2>&1 </dev/null)
	native=$?
	# First without code, then with.
	for round in 1 2; do
		rm -rf ours
		mkdir ours
		(cd ours && "$spork" run --settle --min-rss 0 --stats ../stats.json -- "$@" >../ours.out 2>&1 </dev/null)
		ours=$?
		[ "$native" = "$ours" ] || fault "$*, round $round: status $ours instead of $native"
		cmp -s native.out ours.out || fault "$*, round $round: $(diff native.out ours.out | head -n 5)"
		diff -r native ours >files.diff || fault "$*, round $round: $(head -n 5 files.diff)"
	done
	converted=$(sed -n 's/^.*"converted":[^0-9]*\([0-9]*\).*$/\1/p' stats.json | head -n 1)
	total=$((total + converted))
}

alike bash -c '/bin/echo a; x=$(/bin/echo b); echo "$x"; ls / | head -n 2; (cd /; /bin/pwd); /bin/false || echo no'
alike bash -c '/bin/echo one >file; /bin/echo two >>file; cat file; exec 3<file; read x <&3; /bin/echo "$x"; wc -l <&3'
alike bash -c 'cat <<X
text $((1 + 1))
X
cat <<<string; diff <(echo a) <(echo b); sleep 0 & wait $!; echo $?'
alike bash -c 'set -m; /bin/echo a | cat; trap "echo trapped" USR1; kill -USR1 $$; /bin/true; ulimit -n 100; bash -c "ulimit -n"'
alike bash -c 'for i in 1 2 3; do x=$(head -c 100000 /dev/zero | wc -c); done; echo $x; nosuchcommand; echo $?; /etc/passwd; echo $?'
alike dash -c '/bin/echo a; x=$(/bin/echo b); echo "$x"; ls / | head -n 2; (cd /; /bin/pwd); x=$(head -c 100000 /dev/zero); echo ${#x}'
alike perl -e 'system("/bin/echo", "a"); print `echo x; exit 3`, $? >> 8, "\n"; open(F, "-|", "ls", "/"); print scalar(<F>); close F; system("nosuch"); print "$?\n"; $SIG{INT} = "IGNORE"; print `sh -c "trap"`; exec "echo", "end"'
alike python3 -c 'import subprocess, os
print(subprocess.run(["echo", "a"], preexec_fn=os.setsid, capture_output=True))
print(subprocess.run("echo b; exit 3", shell=True, capture_output=True, cwd="/"))
pid = os.fork()
if pid == 0:
    os.execvp("echo", ["echo", "from a child"])
print(os.waitpid(pid, 0)[1])'
alike git init -q repository
alike sh -c 'git init -q r && cd r && git config user.name a && git config user.email a@b && git config alias.x "!echo alias" && git x && git -c core.pager="cat -n" -p log 2>&1; git gc -q; ls'
alike make -s -f /dev/null --eval='all: ; @echo $(shell echo inner); sh -c "exit 0"' all
alike find / -maxdepth 1 -name etc -exec echo found {} ';'
alike xargs -n 1 echo </dev/null
alike sh -c 'echo a b c | xargs -n 1 echo item'
alike awk 'BEGIN { "echo piped" | getline x; print x; system("exit 2"); print "out" | "cat" }'
alike tar -cf archive.tar --checkpoint=1 --checkpoint-action=exec='echo checkpoint' /etc/hostname
alike env printf 'x\n'
alike timeout 5 echo in time
alike nice -n 2 nice
alike setsid -w echo session
alike script -qec 'echo in script' /dev/null
alike zsh -f -c '/bin/echo a; x=$(/bin/echo b); echo $x; ls / | head -n 2'
alike mksh -c '/bin/echo a; x=$(/bin/echo b); echo $x; ls / | head -n 2'
alike ruby -e 'puts `echo a`; system("exit 3"); puts $?.exitstatus'
alike tclsh /dev/null

[ "$total" -gt 20 ] || fault "only $total forks were converted"
[ "$failed" = 0 ] || { echo "$failed faults"; exit 1; }
