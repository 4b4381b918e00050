#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The frozen command lines under spork: each is checked against fork (`spork check`), and what became of its forks is counted.
# Usage: coverage.sh SPORK DATA FILE [MODE [NAME...]]; FILE is one of DATA's lists. Prints a table; exit 1 if a command line
# did something else than with fork. With SPORK_SHARE=N only every N-th line is run.
set -u
spork=$(realpath "$1") data=$(realpath "$2") list=$3 mode=${4:-auto}
[ $# -lt 4 ] && shift 3 || shift 4
scratch=$(mktemp -d) || exit 99
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT
names=" $* "

# needs LIST: are all the programs there?
needs()
{
	for program in $(echo "$1" | tr , ' '); do
		command -v "$program" >/dev/null 2>&1 || { missing=$program; return 1; }
	done
}

# number RUN KEY FILE: the KEY of the run named RUN in a spork.check/1 file.
number()
{
	awk -v run="\"$1\"" -v key="\"$2\":" '
		$1 == "\"name\":" && index($0, run) { here = 1 }
		here && $1 == key { gsub(/[^0-9]/, "", $2); print $2; exit }' "$3"
}

# reasons FILE: why forks of the run `warm` stayed forks, as `reason n (of which m executed a program)`.
reasons()
{
	awk '
		$1 == "\"name\":" { here = index($0, "\"warm\"") > 0 }
		here && $1 == "\"reasons\":" { part = 1; next }
		here && $1 == "\"executed\":" { part = 2; next }
		/}/ { part = 0 }
		here && part && split($0, field, "\"") >= 4 {
			if (part == 2) executed[field[2]] = field[4]
			else if (field[2] !~ /^converted-/) { count[field[2]] = field[4]; order[++n] = field[2] }
		}
		END {
			for (i = 1; i <= n; i++) {
				printf "%s%s %d", (i > 1 ? ", " : ""), order[i], count[order[i]]
				if (executed[order[i]]) printf " (%d executed)", executed[order[i]]
			}
		}' "$1"
}

# check_line MODE: check the current line in a fresh folder; sets code.
check_line()
{
	rm -rf "${scratch:?}/$name"
	mkdir "$scratch/$name" && chmod 755 "$scratch/$name"
	(
		cd "$scratch/$name" || exit 99
		# shellcheck source=/dev/null
		. "$data/environment.sh"
		sh "$data/prepare.sh" "$name" >/dev/null 2>&1 || exit 98
		TMPDIR=$scratch "$spork" check --json --mode "$1" --timeout 20 -- sh -c "exec $line"
	) >"$scratch/$name.json" 2>"$scratch/$name.err"
	code=$?
}

# check_again: after a difference; code stays 1 if spork is the cause of it, and varies says so otherwise. Some programs do
# not do the same twice (expect hangs up on a child that is just ending), and load makes others hurry or give up: what
# differs from itself with real forks as often, or differed once only, is no difference of spork's.
check_again()
{
	differs=1 differs_itself=0
	for round in 2 3 4 5; do
		check_line fork
		[ $code -eq 0 ] || differs_itself=$((differs_itself + 1))
		check_line "$mode"
		[ $code -eq 0 ] || differs=$((differs + 1))
		[ $code -le 1 ] || return
	done
	if [ $differs -ge $((differs_itself + 2)) ]; then
		code=1
	else
		code=0 varies=" (differed in $differs of $round runs; with fork in $differs_itself of 4 from itself)"
	fi
}

row=0 different=0 count=0 forks=0 converted=0 executing=0 shares=0 programs=0
tab=$(printf '\t')
while IFS=$tab read -r name program line <&3; do
	case $name in '' | '#'*) continue ;; esac
	row=$((row + 1))
	[ $((row % ${SPORK_SHARE:-1})) -eq 0 ] || continue
	[ $# -eq 0 ] || case $names in *" $name "*) ;; *) continue ;; esac
	if ! needs "$program"; then
		printf '%-32s skipped: needs %s\n' "$name" "$missing"
		continue
	fi
	check_line "$mode"
	varies=
	[ $code -ne 1 ] || check_again
	count=$((count + 1))
	warm_forks=$(number warm forks "$scratch/$name.json") warm=$(number warm converted "$scratch/$name.json")
	warm_execs=$(number warm exec_forks "$scratch/$name.json")
	forks=$((forks + ${warm_forks:-0})) converted=$((converted + ${warm:-0}))
	executing=$((executing + ${warm_execs:-0}))
	if [ "${warm_execs:-0}" -gt 0 ]; then
		shares=$((shares + 1000 * warm / warm_execs)) programs=$((programs + 1))
	fi
	case $code in
	0) verdict=same$varies ;;
	1) verdict=DIFFERENT different=$((different + 1)) ;;
	*) verdict="FAILED ($code)" different=$((different + 1)) ;;
	esac
	why=$(reasons "$scratch/$name.json")
	printf '%-32s %s of %s with exec, %s forks, %s%s\n' "$name" "${warm:-?}" "${warm_execs:-?}" "${warm_forks:-?}" \
		"$verdict" "${why:+: $why}"
	if [ $code -eq 1 ]; then
		grep -B1 -A1 '"result":.*"different"' "$scratch/$name.json"
	elif [ $code -ne 0 ]; then
		cat "$scratch/$name.err"
	fi
	rm -rf "${scratch:?}/$name"
done 3<"$list"
[ "$programs" -eq 0 ] || printf 'by event: %d of %d forks with exec converted, of %d forks; average over the %d programs: %d.%d %%\n' \
	"$converted" "$executing" "$forks" "$programs" $((shares / programs / 10)) $((shares / programs % 10))
printf '%d command lines, %d different\n' "$count" "$different"
[ "$count" -gt 0 ] && [ "$different" -eq 0 ]
