#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# doc_links.sh ROOT - every relative link of every page leads to a file, and every page is reachable from README.md.
set -u
cd "$1" || exit 99

pages=$(find . \( -name node_modules -o -name 'build*' -o -name results -o -name .git \) -prune -o -name '*.md' -print)
checked=0
failed=0
reached=' ./README.md '

# Links of page $1 as paths from the root, one a line.
links()
{
	awk '
	/^```/ { code = !code; next }
	code { next }
	{
		while (match($0, /\]\([^)#: ]+/)) {
			print substr($0, RSTART + 2, RLENGTH - 2)
			$0 = substr($0, RSTART + RLENGTH)
		}
	}' "$1"
}

resolve()
{
	realpath -m --relative-to=. "${1%/*}/$2"
}

for page in $pages; do
	for link in $(links "$page"); do
		target=$(resolve "$page" "$link")
		checked=$((checked + 1))
		[ -e "$target" ] || { echo "$page: $link leads nowhere"; failed=$((failed + 1)); }
	done
done

queue=./README.md
while [ -n "$queue" ]; do
	next=
	for page in $queue; do
		for link in $(links "$page"); do
			case $link in *.md) ;; *) continue ;; esac
			target=./$(resolve "$page" "$link")
			case $reached in *" $target "*) continue ;; esac
			[ -f "$target" ] || continue
			reached="$reached$target "
			next="$next $target"
		done
	done
	queue=$next
done
for page in $pages; do
	case $page in ./docs/* | ./*/README.md) ;; *) continue ;; esac
	case $page in ./harness/*) continue ;; esac
	case $reached in
	*" $page "*) ;;
	*) echo "$page: no page links to it"; failed=$((failed + 1)) ;;
	esac
done
echo "$checked links checked, $failed faults"
[ "$checked" -gt 10 ] && [ "$failed" -eq 0 ]
