#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The program for people: options, exit statuses, messages. Usage: sandbox_run.sh SANDBOX_RUN
set -u
run=$1
failures=0
text=$("$run" -- true 2>&1)
code=$?
if [ $code = 125 ]; then
	echo "skip: needs namespaces: $text"
	exit 77
fi

# expect STATUS OUTPUT ARGUMENT...: both streams together.
expect()
{
	status=$1 wanted=$2
	shift 2
	got=$("$run" "$@" 2>&1)
	code=$?
	if [ "$code" != "$status" ] || [ "$got" != "$wanted" ]; then
		printf 'sandbox-run %s: status %s, expected %s; printed\n%s\nexpected\n%s\n' "$*" "$code" "$status" \
			"$got" "$wanted"
		failures=$((failures + 1))
	fi
}

# expect_part STATUS PART ARGUMENT...
expect_part()
{
	status=$1 wanted=$2
	shift 2
	got=$("$run" "$@" 2>&1)
	code=$?
	case $code:$got in
	"$status":*"$wanted"*) ;;
	*)
		printf 'sandbox-run %s: status %s, expected %s; printed\n%s\nwithout\n%s\n' "$*" "$code" "$status" \
			"$got" "$wanted"
		failures=$((failures + 1))
		;;
	esac
}

expect 0 hello -- echo hello
expect 3 '' sh -c 'exit 3'
expect 143 '' sh -c 'kill -TERM $$'
expect_part 124 'limit: wall' --wall 0.2 sleep 60
expect_part 124 'limit: output' --output 1K yes
expect_part 127 'cannot be executed' -- /nonexistent
expect_part 126 'cannot be executed' -- /etc/passwd
expect_part 125 'No such file' --read-only /nonexistent -- true
expect_part 125 'no command'
expect_part 125 'positive number' --wall x true
expect_part 125 '--help' --no-such-option true
expect_part 0 'usage: sandbox-run' --help
expect 0 'hi there' --file '/opt/f=hi there' cat /opt/f
expect 0 '/opt/f' --link /home/user/l=/opt/f readlink l
expect 0 /opt/d --folder /opt/d --directory /opt/d pwd
expect 0 '1 2' --set A=1 --set B=2 sh -c 'echo $A $B'
expect 0 0 --root id -u
expect 0 'sandbox-run: canary /home/user/c: deleted
sandbox-run: deleted: /home/user/c
sandbox-run: created: /home/user/n/' --file /home/user/c=x --canary /home/user/c --changes sh -c 'rm c; mkdir n'
got=$(echo input | "$run" --input cat)
[ "$got" = input ] || { echo "--input: $got"; failures=$((failures + 1)); }
[ "$failures" = 0 ] || { echo "$failures failures"; exit 1; }
