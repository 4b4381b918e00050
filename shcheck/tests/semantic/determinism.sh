#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Findings do not depend on where things lie in memory: with and without address space layout randomisation, with
# small and large environments and with freed memory overwritten the output is the same, byte for byte.
# determinism.sh SHCHECK [COUNT]: over COUNT scripts of the machine (default 60), chosen evenly.
set -eu

shcheck=$1
count=${2-60}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

# Shell scripts by their first line, in an order of their own names.
for script in /var/lib/dpkg/info/*.p??inst /var/lib/dpkg/info/*.p??rm /usr/bin/* /usr/sbin/* /usr/share/*/*.sh; do
	[ -f "$script" ] && [ ! -L "$script" ] && [ -r "$script" ] || continue
	IFS= read -r first <"$script" 2>/dev/null || continue
	case $first in
	'#!'*/sh* | '#!'*/bash* | '#!'*/dash*) printf '%s\n' "$script" ;;
	esac
done >"$folder/all" 2>/dev/null
total=$(wc -l <"$folder/all")
if [ "$total" -lt 5 ]; then
	echo 'skip: needs shell scripts in /usr or /var/lib/dpkg/info'
	exit 77
fi
awk -v every="$((total / count + 1))" 'NR % every == 0 || NR == 1' "$folder/all" >"$folder/some"

# run NAME COMMAND...: the output of the analyser on all of them, started by COMMAND.
run()
{
	name=$1
	shift
	# Exit status 123 of xargs: there are findings.
	xargs -d '\n' "$@" "$shcheck" --format json <"$folder/some" >"$folder/$name" 2>&1 || [ $? -le 123 ]
}

large=$(head -c 100000 /dev/zero | tr '\0' x)
run plain env
run again env
run empty env -i PATH=/usr/bin:/bin
run large env "LARGE=$large"
run overwritten env MALLOC_PERTURB_=165 MALLOC_ARENA_MAX=1
layouts='again empty large overwritten'
if setarch -R true 2>/dev/null; then
	run fixed setarch -R
	run fixed-large setarch -R env "LARGE=$large"
	layouts="$layouts fixed fixed-large"
fi
grep -q '"schema":"shcheck/1"' "$folder/plain"
for layout in $layouts; do
	if ! cmp -s "$folder/plain" "$folder/$layout"; then
		echo "the output differs ($layout):"
		diff "$folder/plain" "$folder/$layout" | head -n 20
		exit 1
	fi
done
echo "$(wc -l <"$folder/some") scripts of $total, the same output $(echo "$layouts" | wc -w) more times: $layouts"
