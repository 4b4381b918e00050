#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# doc_commands.sh BUILD PAGE.md... - execute the `sh` blocks of the pages, in order, in a temporary folder where ./hotbed is
# the program of this build. Each must succeed. A `text` block right after one is what it must print on standard output:
# a line of "..." stands for any lines, "..." within a line for anything, and runs of blanks are alike.
set -u

build=$1
shift
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

# setup, build and test belong to the launcher, which has a test of its own; here they must only exist in it.
cat >"$folder/hotbed" <<STUB
#!/bin/sh
case \${1:-} in
setup | build | test) grep -q "^\$1)\|[ |]\$1)" '$build/../hotbed' ;;
*) exec '$build/harness/hotbed' "\$@" ;;
esac
STUB
chmod +x "$folder/hotbed"
# Pages call programs by their place in the build, and read data from the source.
ln -s "$build" "$folder/build"
ln -s "$build/../probcons" "$folder/probcons"
ln -s "$build/../metastable" "$folder/metastable"
ln -s "$build/../shcheck" "$folder/shcheck"

# Cuts a page into NNN.sh and NNN.text below $1; a block that no command precedes is not output.
cut_page()
{
	awk -v folder="$1" '
	/^```/ && block != "" { close(block); block = ""; next }
	/^```sh$/ { number++; block = sprintf("%s/%03d.sh", folder, number); printf "" >block; fresh = 1; next }
	/^```text$/ { block = fresh ? sprintf("%s/%03d.text", folder, number) : "/dev/null"
		fresh = 0; next }
	/^```/ { block = "/dev/null"; fresh = 0; next }
	block != "" { print >block; next }
	/[^ \t]/ { fresh = 0 }
	END { if (block != "") { print "a block is not closed"; exit 1 } }' "$2"
}

# Does the text of file $1 match the pattern of file $2?
matches()
{
	awk '
	function plain(line) { gsub(/[ \t\r]+/, " ", line); sub(/ $/, "", line); return line }
	function like(line, pattern,   count, parts, i, at) {
		count = split(pattern, parts, /\.\.\./)
		if (count == 1) return line == pattern
		if (substr(line, 1, length(parts[1])) != parts[1]) return 0
		line = substr(line, length(parts[1]) + 1)
		for (i = 2; i < count; i++) {
			at = index(line, parts[i])
			if (parts[i] != "" && !at) return 0
			if (at) line = substr(line, at + length(parts[i]))
		}
		return parts[count] == "" || (length(line) >= length(parts[count]) && \
			substr(line, length(line) - length(parts[count]) + 1) == parts[count])
	}
	function from(l, p,   i) {
		if (p > patterns) return l > lines
		if (pattern[p] == "...") {
			for (i = l; i <= lines + 1; i++) if (from(i, p + 1)) return 1
			return 0
		}
		return l <= lines && like(line[l], pattern[p]) && from(l + 1, p + 1)
	}
	FILENAME == ARGV[1] { line[++lines] = plain($0); next }
	{ pattern[++patterns] = plain($0) }
	END { exit !from(1, 1) }' "$1" "$2"
}

executed=0 failed=0
for page in "$@"; do
	blocks=$folder/blocks-${page##*/}
	mkdir -p "$blocks"
	cut_page "$blocks" "$page" || { echo "$page: a block is not closed"; failed=$((failed + 1)); }
	for block in "$blocks"/*.sh; do
		[ -f "$block" ] || continue
		executed=$((executed + 1))
		(cd "$folder" && sh -eu "$block" >"$block.out" 2>"$block.err" </dev/null)
		code=$?
		if [ $code -ne 0 ]; then
			echo "$page: exit code $code from:"
			cat "$block" "$block.out" "$block.err"
			failed=$((failed + 1))
		elif [ -f "${block%.sh}.text" ] && ! matches "$block.out" "${block%.sh}.text"; then
			printf '%s: this was printed:\n%s\ninstead of:\n%s\n' "$page" "$(cat "$block.out")" \
				"$(cat "${block%.sh}.text")"
			failed=$((failed + 1))
		fi
	done
done
echo "$executed blocks executed, $failed failed"
[ "$executed" -gt 0 ] && [ "$failed" -eq 0 ]
