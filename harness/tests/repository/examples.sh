#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# examples.sh BUILD - the examples of every --help, in the order of the help text, in one temporary folder where ./hotbed is the
# program of this build: each must succeed and print something or leave the file that --out names. Every subcommand has
# an example, and shows it in its help. A server is ended when it has said where it is.
set -u

hotbed=$1/harness/hotbed
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
ln -s "$hotbed" "$folder/hotbed"
failed=0
executed=0

fault()
{
	echo "$*"
	failed=$((failed + 1))
}

# execute COMMAND - with the files output and errors, in this folder.
execute()
{
	case $1 in
	"./hotbed serve"*)
		rm -f output
		sh -c "exec $1" >output 2>errors </dev/null &
		while [ ! -s output ] && kill -0 $! 2>/dev/null; do
			sleep 0.1
		done
		kill $! 2>/dev/null
		wait $!
		;;
	*)
		sh -c "$1" >output 2>errors </dev/null
		;;
	esac
}

"$hotbed" --dump examples >"$folder/examples" || exit 1
for name in $("$hotbed" --dump names); do
	grep -q "^\./hotbed $name" "$folder/examples" || fault "$name: has no example"
	"$hotbed" help "$name" | grep -q "^  \./hotbed $name" || fault "$name: --help shows no example"
done
while IFS= read -r command; do
	executed=$((executed + 1))
	(cd "$folder" && execute "$command")
	code=$?
	out=$(printf '%s\n' "$command" | sed -n 's/.*--out=\([^ ]*\).*/\1/p')
	if [ $code -ne 0 ]; then
		fault "$command: exit code $code:"
		cat "$folder/output" "$folder/errors"
	elif [ ! -s "$folder/output" ] && { [ -z "$out" ] || [ ! -s "$folder/$out" ]; }; then
		fault "$command: did nothing"
	fi
done <"$folder/examples"
echo "$executed examples executed, $failed faults"
[ "$executed" -gt 0 ] && [ "$failed" -eq 0 ]
