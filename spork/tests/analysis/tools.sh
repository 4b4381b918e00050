#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The commands scan and explain: known verdicts in text and JSON, faults with their exit status, every JSON member described.
# Usage: tools.sh SPORK CHILDREN REFERENCE.md
set -u

spork=$1
children=$2
reference=$3
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT

fail()
{
	echo "$*"
	exit 1
}

# expect STATUS COMMAND… - the output is in $scratch/out and $scratch/err.
expect()
{
	wanted=$1
	shift
	"$@" >"$scratch/out" 2>"$scratch/err"
	status=$?
	[ "$status" -eq "$wanted" ] || fail "$*: exit status $status: $(cat "$scratch/err")"
}

has()
{
	grep -qF -e "$1" "$scratch/$2" || fail "'$1' is missing in: $(head -n 20 "$scratch/$2")"
}

expect 0 "$spork" scan "$children"
has ' direct_exec fork: recipe (clean)' out
has ' worker fork: fork (no-exec)' out
has ' uses_vfork vfork: leave (already-cheap)' out
has '1 ELF files, 1 call fork (1 of them also an exec' out
expect 0 "$spork" scan --json "$children"
has '"schema":	"spork.scan/1"' out
cp "$scratch/out" "$scratch/all"

# A folder: what is no program is passed over; named on the command line it is a fault.
mkdir "$scratch/folder"
cp "$children" "$scratch/folder/b"
ln "$scratch/folder/b" "$scratch/folder/a"
ln -s /bin/sh "$scratch/folder/link"
echo text >"$scratch/folder/text"
printf '\177ELF and no more' >"$scratch/folder/cut"
expect 1 "$spork" scan "$scratch/folder"
has 'folder/cut' err
has '1 ELF files' out
expect 1 "$spork" scan "$scratch/folder/text"
has 'not an ELF file' err
expect 1 "$spork" scan "$scratch/nothing"
has 'cannot be read' err
expect 1 "$spork" scan --json "$scratch/folder/cut"
cat "$scratch/out" >>"$scratch/all"

expect 0 "$spork" explain "$children" exec_in_callee
has 'calls execv (exec)' out
has 'verdict   recipe (clean)' out
expect 0 "$spork" explain --json "$children" jump_table
has '"schema":	"spork.explain/1"' out
cat "$scratch/out" >>"$scratch/all"
call=$("$spork" scan "$children" | sed -n 's/.* \(0x[0-9a-f]*\) writes_first .*/\1/p')
expect 0 "$spork" explain "$children" "$call"
has 'writes_first calls fork' out
has 'calls write (external)' out
expect 125 "$spork" explain "$children" no_such_function
has "no process is started at 'no_such_function'" err
expect 125 "$spork" explain "$scratch/folder/cut"
expect 2 "$spork" explain
expect 2 "$spork" explain a b c
expect 2 "$spork" scan
expect 2 "$spork" scan --no-such-option "$children"
expect 0 "$spork" scan --help
expect 0 "$spork" explain --help

# Every member is described.
members=$(grep -o '"[a-z_-]*":' "$scratch/all" | tr -d '":' | sort -u)
[ -n "$members" ] || fail 'no JSON member was found'
for member in $members; do
	grep -q "\`\(files\[\]\.\|sites\[\]\.\|steps\[\]\.\)\{0,1\}$member\(\[\]\)\{0,1\}\`" "$reference" ||
		fail "$member is not described in $reference"
done
