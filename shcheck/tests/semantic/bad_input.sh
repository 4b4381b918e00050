#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Input that is bad, hostile or endless: a message or a finding, an exit code as promised, bounded memory. Nothing is
# executed; the scripts are only read. Usage: bad_input.sh SHCHECK
set -u
case $1 in
/*) shcheck=$1 ;;
*) shcheck=$PWD/$1 ;;
esac
failures=0
scratch=$(mktemp -d) || exit 99
trap 'chmod -R u+rwx "${scratch:?}"; rm -rf "${scratch:?}"' EXIT
cd "$scratch" || exit 99

# expect CODE PATTERN ARGUMENT...: the exit code, and a pattern of case for what is printed.
expect()
{
	code=$1 pattern=$2
	shift 2
	output=$(ulimit -v "${HB_MEMORY_KIB:-1048576}" 2>/dev/null; "$shcheck" "$@" 2>&1 </dev/null)
	got=$?
	# shellcheck disable=SC2254 # a pattern
	case $output in
	$pattern) ;;
	*)
		echo "fault: $*: unexpected output: $(echo "$output" | head -n 5)"
		failures=$((failures + 1))
		;;
	esac
	[ "$got" -eq "$code" ] || {
		echo "fault: $*: exit code $got, not $code"
		failures=$((failures + 1))
	}
}

# repeat TEXT COUNT
repeat()
{
	awk -v text="$1" -v count="$2" 'BEGIN { while (count-- > 0) printf "%s", text }'
}

# Bytes that are no script.
printf '\177ELF\002\001\001\000\000rest\n' >binary
printf 'echo one\nprintf "\000"\necho two\n' >nul
printf 'echo caf\351 \377\376\n' >latin
printf 'if true; then\r\n\techo yes\r\nfi\r\n' >crlf
: >empty
printf 'echo no newline at the end' >cut
expect 2 '*SH906*' binary
expect 1 '*SH907*' nul
expect 1 '*SH909*' latin
expect 1 '*SH908*' crlf
expect 0 '' empty
expect 0 '' cut

# Nesting that would use up the stack, and lines without end.
for bracket in '(' '{ ' '$(' '$((' '[[ ( ' 'if ' '"$(' '${a:-' 'case x in x) ' 'f() { '; do
	{
		echo 'echo start'
		repeat "$bracket" 10000
		echo
	} >nested
	expect 1 '*SH90*' nested
done
{
	printf 'x='
	repeat '[' 10000
	printf '\ny=$('
	repeat '(' 10000
	repeat ')' 10000
	echo ')'
} >brackets
repeat '`' 9999 >quotes
expect 1 '*SH902*' quotes
expect 1 '*SH90*' brackets
repeat 'echo a b c; ' 20000 >wide
expect 0 '' wide
repeat 'a' 1000000 >word
expect 0 '' word
repeat 'true | ' 20000 >pipes
echo true >>pipes
expect 0 '' pipes
head -c 4194305 /dev/zero | tr '\0' '#' >large
expect 2 '*4 MiB*' large

# Few bytes from which much could come: values that double, calls and loops of many turns, long lists.
# shellcheck disable=SC2016 # the text of a script
{
	{
		echo 'x=a'
		repeat 'x=$x$x
' 200
		echo 'echo "$x"'
	} >doubling
	{
		repeat 'for i in 1 2 3; do ' 60
		echo 'x=$x$i'
		repeat 'done; ' 60
	} >turns
	awk 'BEGIN { for (i = 0; i < 60; i++) printf "f%d() { f%d; f%d; }\n", i, i + 1, i + 1 }' >calls
	echo 'f60() { :; }; f0' >>calls
	printf '#!/bin/bash\nfor i in {1..1000000}{a..z}; do echo "$i"; done\n' >braces
	{
		printf ': "'
		repeat '$x' 100000
		echo '"'
	} >pieces
	{
		echo 'cat <<E'
		repeat '$(echo $x)' 3000
		printf '\nE\n'
	} >outputs
	{
		printf ':'
		awk 'BEGIN { for (i = 0; i < 5000; i++) printf " >f%d", i }'
	} >files
}
for name in doubling turns calls braces files; do
	expect 0 '*' "$name"
done
expect 1 '*SH303*' pieces
expect 1 '*SH303*' outputs

# Programs that do not end, or run themselves.
printf 'f() {\n\tf "$@"\n}\nf a\n' >recursive
printf 'a() {\n\tb\n}\nb() {\n\ta\n}\na\n' >mutual
printf 'while :; do :; done\n' >forever
printf 'while :; do x=$x$x; done\n' >growing
printf 'for i in 1 2 3; do while true; do echo "$i"; done; done\n' >inner
# shellcheck disable=SC2016 # the text of a script
printf '. "$0"\n. ./sources\nsource ./sources\n' >sources
# shellcheck disable=SC2016
printf '#!/bin/sh\nexec "$0" "$@"\n' >restarts
for name in recursive mutual forever growing inner sources restarts; do
	"$shcheck" "$name" >found 2>&1 </dev/null
	[ $? -le 1 ] || {
		echo "fault: $name is not analysed: $(cat found)"
		failures=$((failures + 1))
	}
done

# Files that are not there, or closed.
mkdir closed folder
echo 'echo hidden' >closed/script
chmod 0 closed
ln -s nothing dangling
expect 2 '*absent*SH904*' absent
expect 2 '*folder*SH904*' folder
expect 2 '*dangling*SH904*' dangling
expect 2 '*SH904*' ''
if [ "$(id -u)" -ne 0 ]; then
	expect 2 '*SH904*' closed
	expect 2 '*ermission*SH904*' closed/script
fi
# What can be read is still checked.
expect 2 '*SH904*SH902*' absent "$(printf 'echo "\n' >quote; echo quote)"
# The same bytes give the same output.
for name in nested nul growing; do
	"$shcheck" --format json "$name" >first 2>&1
	"$shcheck" --format json "$name" >second 2>&1
	cmp first second || failures=$((failures + 1))
done
exit $((failures > 0))
