#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Compare what `spork scan` counts with what readelf and objdump say: which files import fork or an exec, and how many
# calls of fork they have. Usage: census.sh SPORK FOLDER
set -u

spork=$1
folder=$2
for tool in readelf objdump; do
	command -v "$tool" >/dev/null || {
		echo 'skip: needs binutils'
		exit 77
	}
done
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT

fail()
{
	echo "$*"
	exit 1
}

"$spork" scan --list "$folder" >"$scratch/scan" || fail 'spork scan failed'

# Files with an undefined symbol fork, _Fork, forkpty or daemon, by readelf.
for file in "$folder"/*; do
	if [ ! -f "$file" ] || [ -L "$file" ]; then
		continue
	fi
	readelf -W --dyn-syms "$file" 2>/dev/null |
		grep -Eq ' UND (fork|_Fork|__fork|__libc_fork|forkpty|daemon)(@|$)' && echo "$file"
done | sort >"$scratch/imports"
sed -n 's/^\([^ ]*\) 0x[0-9a-f]* .* \(fork\|_Fork\|__fork\|__libc_fork\|forkpty\|daemon\): .*/\1/p' "$scratch/scan" |
	sort -u >"$scratch/callers"
[ -s "$scratch/imports" ] || fail "nothing in $folder imports fork: nothing was compared"

# A file whose sites are listed imports fork; static ones have no imports.
comm -13 "$scratch/imports" "$scratch/callers" >"$scratch/extra"
while read -r file; do
	readelf -Wl "$file" | grep -q INTERP && fail "$file: readelf finds no import of fork"
done <"$scratch/extra"

# The other way round: an import without a call is taken by address or never used. These are few.
missing=$(comm -23 "$scratch/imports" "$scratch/callers" | wc -l)
imports=$(wc -l <"$scratch/imports")
[ $((missing * 10)) -le "$imports" ] ||
	fail "$missing of $imports importers have no call: $(comm -23 "$scratch/imports" "$scratch/callers" | head -n 5 | tr '\n' ' ')"

# Calls, file by file, against objdump; the smaller files, for the time it takes.
compared=0
while read -r file; do
	[ "$(stat -c %s "$file")" -le 400000 ] || continue
	expected=$(objdump -d --no-show-raw-insn "$file" |
		grep -Ec '(call|jmp|bnd jmp) .*<(fork|_Fork|__fork|__libc_fork|forkpty|daemon)@plt>$')
	found=$(grep -F "$file 0x" "$scratch/scan" |
		grep -Ec ' (fork|_Fork|__fork|__libc_fork|forkpty|daemon): ')
	[ "$expected" -eq "$found" ] || [ "$expected" -eq 0 ] ||
		fail "$file: objdump shows $expected calls, spork scan $found"
	compared=$((compared + 1))
	[ "$compared" -lt 40 ] || break
done <"$scratch/callers"
[ "$compared" -gt 0 ] || fail 'no file was compared with objdump'
echo "$imports files import fork, $missing of them without a call; calls compared in $compared files"
