#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hostile.sh SPORK CHILDREN - damaged files, hostile caches, confined and limited programs: they print and end as they do
# natively, and the statistics say why they forked. What is missing here is named.
set -u

spork=$(realpath "$1") || exit 99
children=$(realpath "$2") || exit 99
seed=${HB_SEED:-20251122}
failed=0
scratch=$(mktemp -d) || exit 99
chmod 755 "$scratch"
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

# run WHAT COMMAND...: natively and under spork, twice; the same output and status. Leaves stats.json.
run()
{
	what=$1
	shift
	"$@" >native.out 2>&1 </dev/null
	native=$?
	for round in 1 2; do
		"$spork" run --settle --min-rss 0 --mode "${mode:-auto}" --stats stats.json -- "$@" >ours.out 2>&1 </dev/null
		ours=$?
		[ $native -eq $ours ] || fault "$what, round $round: status $ours instead of $native"
		cmp -s native.out ours.out || fault "$what, round $round: $(diff native.out ours.out | head -n 5)"
	done
}

# because REASON...: the statistics of the last run hold one of them.
because()
{
	for reason; do
		grep -q "\"$reason\":" stats.json && return
	done
	fault "$what: none of $*: $(tr -d '\n\t' <stats.json | grep -o '"reasons":{[^}]*}')"
}

has()
{
	command -v "$1" >/dev/null 2>&1 || { echo "skip: $2 needs $1"; return 1; }
}

# ---- Conventions of programs -----------------------------------------------------------------------------------------

for status in 0 1 125 126 127 255; do
	run "status $status" sh -c "/bin/true | cat; sh -c 'exit $status'; exit $status"
	run "status $status of exec" bash -c "(exec sh -c 'exit $status'); echo \$?; exit $status"
done
for signal in KILL SEGV USR1; do
	run "death by $signal" bash -c "exec 2>/dev/null; sh -c 'kill -$signal \$\$'; echo \$?"
done
printf '#!/no/such/interpreter\n' >no-interpreter
printf 'echo a script of %%s\\n' >plain
chmod 755 no-interpreter
run "what cannot be executed" bash -c './no-interpreter; echo $?; ./plain; echo $?; ./missing; echo $?; /; echo $?'

if has python3 "environment without names"; then
	cat >environment.py <<'PY'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def strings(*texts):
    return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)
for texts in ((b"A=1", b"NONAME", b"", b"=x", b"A=2", b"LD_PRELOAD", b"SPORK_RUN", b"B="), (), (b"LD_PRELOAD=",)):
    for program in (b"/usr/bin/env", b"/bin/no-such-program"):
        pid = os.fork()
        if pid == 0:
            libc.execve(program, strings(b"env"), strings(*texts))
            os._exit(125 + (ctypes.get_errno() == 2))
        print(os.waitpid(pid, 0)[1], flush=True)
PY
	run "environment without names" python3 -S environment.py
fi

# ---- Damaged programs ------------------------------------------------------------------------------------------------

if has objcopy "a program without .eh_frame"; then
	objcopy -R .eh_frame -R .eh_frame_hdr "$children" bare
	run "no .eh_frame" ./bare plain
	because abort-no-code converted-record converted-recipe
fi
# The numbers of the section table are of no use to the kernel, which starts the program all the same.
cp "$children" sections
printf '\377\377\377\377\377\377\377\177' | dd of=sections bs=1 seek=40 conv=notrunc 2>/dev/null
run "section table beyond the file" ./sections plain
printf '\377\377\377\377' | dd of=sections bs=1 seek=60 conv=notrunc 2>/dev/null
run "too many sections" ./sections plain
cp "$children" replaced
run "a file that is replaced meanwhile" sh -c "rm -f replaced && cp '$children' replaced && ./replaced plain && : >replaced"

# Files with the same build-id and other code: what was decoded of the first must not be run for the second.
if has cc "two programs with one build-id"; then
	cat >number.c <<'C'
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) static int number(int x) { return x ? NUMBER : 1; }
int main(int argc, char **argv)
{
	(void)argv;
	for (int i = 0; i < 4; i++) {
		char text[20];
		int status = 0;
		if (fork() == 0) {
			snprintf(text, sizeof(text), "exit %d", number(argc));
			execl("/bin/sh", "sh", "-c", text, (char *)0);
			_exit(127);
		}
		wait(&status);
		printf("%d\n", WEXITSTATUS(status));
		fflush(stdout);
	}
	return 0;
}
C
	for number in 5 7; do
		cc -O1 "-DNUMBER=$number" "-Wl,--build-id=0x5350524b$seed" number.c -o "number$number"
	done
	run "the first of two programs with one build-id" ./number5
	because converted-record converted-recipe
	run "the second of two programs with one build-id" ./number7
	because abort-other-code fork-back-off
	run "the first of two programs with one build-id, again" ./number5
fi

size=$(stat -c %s "$children")
for part in 0 1 16 63 64 100 1000 4096 $((size / 2)) $((size - 1)); do
	head -c "$part" "$children" >truncated
	for command in scan explain; do
		timeout 20 "$spork" $command truncated >/dev/null 2>message
		code=$?
		[ $code -le 2 ] || [ $code -eq 125 ] || fault "$command of $part bytes: status $code"
		[ $code -eq 0 ] || [ -s message ] || fault "$command of $part bytes: no message"
	done
done
if has perl "changed bytes"; then
	for number in 1 2 3 4 5 6 7 8; do
		perl -e 'srand($ARGV[1]); open F, "<:raw", $ARGV[0]; local $/; my $x = <F>;
			substr($x, 64 + rand(length($x) - 64), 1) = chr(rand 256) for 1 .. 200; print $x' \
			"$(command -v dash)" $((seed + number)) >changed
		for command in scan explain; do
			timeout 60 "$spork" $command changed >/dev/null 2>&1
			code=$?
			[ $code -le 2 ] || [ $code -eq 125 ] || fault "$command of changed bytes, seed $((seed + number)): status $code"
		done
	done
fi

# ---- Hostile caches --------------------------------------------------------------------------------------------------

work='x=$(/bin/echo inner); /bin/echo "$x"; /bin/true | cat; sh -c "exit 3"; echo $?'
run "an undisturbed cache" bash -c "$work"
because converted-record converted-recipe
cp -a cache/spork kept
# damaged WHAT: with the cache as it is now; then as it was.
damaged()
{
	run "$1" bash -c "$work"
	rm -rf cache/spork
	cp -a kept cache/spork
}
if has perl "damaged caches"; then
	for file in $(cd kept && find . -type f -size +0 | head -n 5); do
		: >"cache/spork/$file"
		damaged "$file emptied"
		head -c 100 "kept/$file" >"cache/spork/$file"
		damaged "$file cut to 100 bytes"
		for offset in 0 16 40; do
			perl -e 'open F, "+<:raw", $ARGV[0]; seek F, $ARGV[1], 0; print F "\xff" x 8' "cache/spork/$file" $offset
			damaged "$file with an absurd number at $offset"
		done
	done
fi
find cache/spork -type f -exec chmod 666 {} +
damaged "files that others can write"
run "a cache that others can write, found at the first fork" \
	sh -c "chmod 777 '$scratch/cache/spork'; bash -c '$work'; chmod 700 '$scratch/cache/spork'"
because fork-cache
mkdir -p elsewhere
for file in $(cd kept && find . -type f -size +0 | head -n 3); do
	cp "kept/$file" elsewhere/linked
	ln -sf "$scratch/elsewhere/linked" "cache/spork/$file"
	damaged "$file is a link"
done
if [ "$(id -u)" = 0 ]; then
	find cache/spork -type f -exec chown 65534 {} +
	damaged "files of another user"
else
	echo "skip: files of another user need root"
fi
if unshare -m true 2>/dev/null && [ "$(id -u)" = 0 ]; then
	bash -c "$work" >native.out 2>&1
	unshare -m sh -c "mount -t tmpfs -o size=700k,mode=700 none '$scratch/cache' && cd '$scratch' &&
		'$spork' run --settle --min-rss 0 --stats '$scratch/stats.json' -- bash -c '$work'" >ours.out 2>&1 </dev/null
	what="a full cache"
	cmp -s native.out ours.out || fault "$what: $(diff native.out ours.out | head -n 5)"
	because fork-cache abort-no-code
else
	echo "skip: a full cache needs root and unshare"
fi

# ---- Confined, watched and limited programs --------------------------------------------------------------------------

if has python3 "seccomp"; then
	cat >confined.py <<'PY'
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
program = Program(1, ctypes.addressof(allow))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
for i in range(3):
    pid = os.fork()
    if pid == 0:
        os.execv("/bin/echo", ["echo", "confined"])
    print(os.waitpid(pid, 0)[1], flush=True)
PY
	run "seccomp" python3 -S confined.py
	because fork-seccomp
fi
if has strace "a tracer"; then
	run "a tracer" strace -f -o /dev/null bash -c "$work"
	because fork-traced
fi
if has gdb "a debugger"; then
	run "a debugger" sh -c "gdb -q -batch -nx -ex 'set startup-with-shell off' -ex run --args bash -c '$work' 2>&1 |
		grep -E '^(inner|3)$'"
fi
run "little address space" bash -c "ulimit -v 40000; $work"
because fork-no-memory
run "no descriptors left" bash -c "ulimit -n 10; $work"
run "files of no length" bash -c "ulimit -f 0; $work"
mode=shared
run "the shared executor with or without protection keys" bash -c "$work"
because converted-shared
if ! has perl "a large process without protection keys"; then
	:
elif grep -qw ospke /proc/cpuinfo; then
	echo "skip: a large process without protection keys needs a CPU without them"
else
	# shellcheck disable=SC2016
	run "a large process without protection keys" perl -e '$x = "x" x 1e8; $| = 1; for (1, 2) { system("/bin/echo inner;") }'
	because fork-keys
fi
mode=auto
if [ "$(id -u)" = 0 ] && has setpriv "a limit of processes" && has perl "a limit of processes" && setpriv --reuid 65534 --clear-groups test -x "$spork"; then
	install -d -m 700 -o 65534 nobody
	# perl, because bash tries again for 15 seconds.
	# shellcheck disable=SC2016
	limited='my $pid = fork; print("refused: $!\n"), exit 3 if !defined $pid; exec "/bin/true" if !$pid; wait; print "end\n"'
	# shellcheck disable=SC2016
	run "a limit of processes" setpriv --reuid 65534 --clear-groups env XDG_CACHE_HOME="$scratch/nobody" \
		"$spork" run --min-rss 0 -- bash -c 'ulimit -u 1; exec perl -e "$0"' "$limited"
else
	echo "skip: a limit of processes needs root and a folder that others can enter"
fi

[ "$failed" = 0 ] || { echo "$failed faults, seed $seed"; exit 1; }
