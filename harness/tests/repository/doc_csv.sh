#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# doc_csv.sh columns|python|r HOTBED ROOT - docs/reference/csv.md and hotbed-csv(5) name the columns that the program writes, in
# its order; the pandas and R examples print what stands below them, over data/trials.csv.
set -u

what=$1
hotbed=$2
root=$3
page=$root/docs/reference/csv.md
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT

# The block of language $1, and the text block that follows it.
cut_example()
{
	awk -v language="$1" -v script="$folder/script" -v expected="$folder/expected" '
	/^```/ && block != "" { block = ""; next }
	$0 == "```" language { block = script; seen = 1; next }
	/^```text$/ && seen == 1 { block = expected; seen = 2; next }
	block != "" { print >block }' "$page"
	if [ ! -s "$folder/script" ] || [ ! -s "$folder/expected" ]; then
		echo "$page: no $1 block with a text block after it"
		exit 1
	fi
	mkdir -p "$folder/results/latest"
	cp "$root/harness/tests/repository/data/trials.csv" "$folder/results/latest/"
}

compare()
{
	if ! diff -u "$folder/expected" "$folder/printed"; then
		echo "$page: the $what example printed something else"
		exit 1
	fi
}

case $what in
columns)
	# The names stand in one table of the program's source; a run to make the file would take seconds.
	awk '/^static const char \*const columns\[\]/ { on = 1 } on { print } on && /\}/ { exit }' \
		"$root/harness/runner/summary_write.c" | grep -o '"[a-z_]*"' | tr -d '"' >"$folder/program"
	[ "$(wc -l <"$folder/program")" -ge 23 ] || { echo 'summary_write.c: no table of columns'; exit 1; }
	awk -F'|' '$2 ~ /^ [0-9]+ $/ { gsub(/[ `]/, "", $3); print $3 }' \
		"$root/docs/reference/summary.md" >"$folder/page"
	diff -u "$folder/program" "$folder/page" || { echo 'summary.md: columns differ'; exit 1; }
	"$hotbed" --dump columns >"$folder/program" || exit 1
	[ "$(wc -l <"$folder/program")" -ge 28 ] || { echo 'the program names too few columns'; exit 1; }
	awk -F'|' '$2 ~ /^ [0-9]+ $/ { gsub(/[ `]/, "", $3); print $3 }' "$page" >"$folder/page"
	diff -u "$folder/program" "$folder/page" || { echo "$page: columns differ"; exit 1; }
	awk '/^# COLUMNS/ { on = 1; next } /^# / { on = 0 }
	on && /^\*/ { gsub(/[*,]/, ""); for (i = 1; i <= NF; i++) print $i }' \
		"$root/docs/man/hotbed-csv.5.scd" >"$folder/manual"
	diff -u "$folder/program" "$folder/manual" || { echo 'hotbed-csv(5): columns differ'; exit 1; }
	;;
python)
	# The interpreter that Debian's package belongs to, whatever else is first in PATH.
	python=
	for candidate in python3 /usr/bin/python3; do
		"$candidate" -c 'import pandas' 2>/dev/null && python=$candidate && break
	done
	[ -n "$python" ] || { echo 'skip: python3-pandas is missing'; exit 77; }
	cut_example python
	(cd "$folder" && "$python" -W error::FutureWarning script >printed) || exit 1
	compare
	;;
r)
	command -v Rscript >/dev/null || { echo 'skip: r-base-core is missing'; exit 77; }
	cut_example r
	(cd "$folder" && Rscript --vanilla script >printed) || exit 1
	compare
	;;
*)
	exit 99
	;;
esac
