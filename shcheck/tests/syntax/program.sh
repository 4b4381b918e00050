#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The program shcheck: exit codes, formats, standard input. Nothing that it reads is executed.
# Usage: program.sh SHCHECK MAN_PAGE_SOURCE
set -u
case $1 in
/*) shcheck=$1 ;;
*) shcheck=$PWD/$1 ;;
esac
page=$(cat "$2") || exit 99
failures=0
scratch=$(mktemp -d) || exit 99
trap 'chmod -R u+rwx "$scratch"; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 99
unset NO_COLOR

fault()
{
	echo "fault: $*"
	failures=$((failures + 1))
}

# expect CODE PATTERN ARGUMENT...: the exit code, and a pattern of case for standard output and error together.
expect()
{
	code=$1 pattern=$2
	shift 2
	output=$("$shcheck" "$@" 2>&1 </dev/null)
	got=$?
	[ "$got" -eq "$code" ] || fault "shcheck $*: exit code $got, not $code: $output"
	# shellcheck disable=SC2254 # a pattern
	case $output in
	$pattern) ;;
	*) fault "shcheck $*: unexpected output: $output" ;;
	esac
}

printf 'echo hello\n' >clean
printf 'echo "hello\n' >open
printf '#!/bin/zsh\necho\n' >zsh
printf '#!/bin/sh\nmake &>log\n' >warning
printf '\177ELF\0\n' >binary
mkdir folder
head -c 4194305 /dev/zero | tr '\0' a >long

expect 0 '' clean
expect 1 '*open:1:6: error:*SH902*' open
expect 1 '*SH902*' clean open
expect 2 '*SH904*' absent
expect 2 '*SH904*' folder
expect 2 '*4 MiB*SH904*' long
expect 2 '*SH906*' binary
expect 2 '*zsh*-s SHELL*SH916*' zsh
expect 0 '' -s bash zsh
expect 2 '*SH902*SH904*' open absent
expect 1 '*SH913*' warning
expect 0 '' -S error warning
expect 0 '' -e SH913 warning
expect 0 '' -i SH901 warning
expect 1 '*SH913*' -i 901,SH913 warning
expect 3 "*unknown option '--shelx'*--shell*" --shelx clean
expect 3 '*unknown option*-q*' -q clean
expect 3 '*which file?*'
expect 4 '*zsh*' -s zsh clean
expect 4 '*nosuch*' -s nosuch clean
expect 4 "*'loud' is none of*" -S loud clean
expect 4 "*did you mean 'json'?*" --format jsn clean
expect 4 '*SH1*no check*' -i SH1x clean
expect 4 '*needs a value*' -s
expect 4 '*none of auto, always, never*' --color=maybe clean
expect 0 'usage: shcheck*' --help
expect 0 'shcheck *' --version
expect 0 '*SH901*SH916*' explain
expect 0 '*SH901:*Example:*Better:*' explain SH901
expect 4 '*no check*' explain SH0
expect 0 'word-split:*SH301*' explain word-split
expect 0 'command rm {*' explain rm
expect 0 '*constant "echo"*' --dump-ast clean
expect 0 'echo hello' --print clean
expect 1 'open:1:6: error: *\[SH902\]' --format gcc open
expect 0 '{"schema":"shcheck/1","findings":\[\],"coverage":\[*"commands":1,*\]}' --format json clean

[ "$(echo 'echo )' | "$shcheck" --format gcc -)" = "-:1:6: error: unexpected ')': no '(' is open [SH901]" ] ||
	fault 'standard input is not checked as -'
case $("$shcheck" --color=always open) in
*"$(printf '\033')["*) ;;
*) fault '--color=always has no colour' ;;
esac
case $("$shcheck" open) in
*"$(printf '\033')["*) fault 'colour where there is no terminal' ;;
esac
if [ "$(id -u)" -ne 0 ]; then
	printf ':\n' >locked && chmod 0 locked
	expect 2 '*ermission*SH904*' locked
fi
# The man page names every option.
for option in $("$shcheck" --help | grep -o -e '--[a-z][a-z-]*'); do
	case $page in
	*"$option"*) ;;
	*) fault "shcheck.1: $option is missing" ;;
	esac
done
# Same bytes twice.
[ "$("$shcheck" --format json open warning)" = "$("$shcheck" --format json open warning)" ] ||
	fault 'the output differs from run to run'
for command in open '--format json open' '--dump-ast clean' explain 'explain SH901' --version --help; do
	# shellcheck disable=SC2086 # words
	output=$("$shcheck" $command 2>&1 >/dev/full)
	got=$?
	case $got,$output in
	2,*'cannot be written: No space'*) ;;
	*) fault "$command on a full disk: exit code $got: $output" ;;
	esac
	# shellcheck disable=SC2086
	"$shcheck" $command >&- 2>/dev/null
	[ $? -eq 2 ] || fault "$command with closed output is not noticed"
done

[ "$failures" -eq 0 ] || exit 1
