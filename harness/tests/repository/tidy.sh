#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The rules of CONTRIBUTING.md that a machine can check, over every file of the repository. Prints FILE:LINE: rule.
# Usage: tidy.sh ROOT
set -u
cd "$1" || exit 99

if git ls-files >/dev/null 2>&1; then
	files=$(git ls-files --cached --others --exclude-standard)
else
	files=$(find . -type f ! -path './build*' ! -path '*/node_modules/*' ! -path './results/*' |
		sed 's|^\./||')
fi
failures=$(mktemp) || exit 99
trap 'rm -f "$failures"' EXIT
sources='' texts=''
for file in $files; do
	[ -f "$file" ] || continue
	case $file in
	*.c | *.h) sources="$sources $file" texts="$texts $file" ;;
	*/corpus/* | */data/*) ;;
	*.png | LICENSE | *package-lock.json) ;;
	*) texts="$texts $file" ;;
	esac
	case $file in
	*utils.* | *misc.* | *helpers.* | *manager.*)
		echo "$file:1: the name says nothing; use a noun of the field" >>"$failures" ;;
	esac
	case $file in
	*.c | *.h | *.sh | *meson.build | meson_options.txt | hotbed | .ci/run | *.js | *.css | *.scd)
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-3.0-or-later' ||
			echo "$file:1: the SPDX line is missing" >>"$failures" ;;
	esac
done

# Patterns are put together from parts, so that this file does not find itself.
# shellcheck disable=SC2086 # lists of words
awk -v marks='TO''DO|FIX''ME|XX''X' -v place='/wo''rk/' '
function fault(text) { print FILENAME ":" FNR ": " text }
/[ \t]+$/ && FILENAME !~ /\.md$/ { fault("white space at the end of the line") }
/\r/ { fault("carriage return") }
$0 ~ "(^|[^A-Za-z])(" marks ")([^A-Za-z]|$)" { fault("an open end; finish it or file an issue") }
index($0, place) { fault("a path of one machine") }
' $texts >>"$failures"

# shellcheck disable=SC2086
awk '
function fault(text) { print FILENAME ":" FNR ": " text }
function width(line,   i, w, c) {
	w = 0
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		w = c == "\t" ? w + 8 - w % 8 : w + 1
	}
	return w
}
FNR == 1 { body = 0 }
{ if (length($0) > 40 && width($0) > (/\/\*|^[ \t]*\*|\*\/$/ ? 120 : 100))
	fault("longer than 100 columns (comments: 120)") }
/^typedef (struct|union|enum)/ { fault("typedef of a struct, union or enum") }
/(cr_assert|cr_expect)\((gt|lt)\(/ { fault("this macro of Criterion 2.4.1 passes when it is false; write a > b") }
/^\{/ { body = FNR }
/^\}/ { if (body && FNR - body - 1 > 70) fault("function of " FNR - body - 1 " lines; at most 70"); body = 0 }
/[^a-z_](sprintf|strcpy|strcat|gets)\(/ { fault("unbounded string function") }
' $sources >>"$failures"

if command -v clang-format >/dev/null 2>&1; then
	# shellcheck disable=SC2086
	clang-format --dry-run $sources 2>&1 | grep 'warning:' | cut -d: -f1,2 | sort -u |
		sed 's/$/: not as clang-format writes it/' >>"$failures"
fi

if [ -s "$failures" ]; then
	sort -t: -k1,1 -k2,2n "$failures" | head -n 60
	echo "$(wc -l <"$failures") rules broken"
	exit 1
fi
[ -n "$sources" ] || { echo "no source file found in $1"; exit 1; }
