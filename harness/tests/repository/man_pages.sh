#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# man_pages.sh HOTBED FOLDER - every subcommand has a page, every page names every option that --help names, and mandoc has
# no complaint.
set -u

hotbed=$1
folder=$2
failed=0
pages=0

fault()
{
	echo "$*"
	failed=$((failed + 1))
}

names=$("$hotbed" --dump names) || exit 1
for name in $names; do
	page=$folder/hotbed-$name.1
	[ -s "$page" ] || { fault "$page: missing"; continue; }
	# Hyphens are escaped in roff.
	text=$(sed 's/\\//g' "$page")
	options=$("$hotbed" help "$name" | sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z-]*\).*/\2/p')
	[ -n "$options" ] || fault "hotbed help $name: no option found"
	for option in $options; do
		case $text in
		*"$option"*) ;;
		*) fault "$page: $option is missing" ;;
		esac
	done
	case $(cat "$folder/hotbed.1") in
	*"hotbed\\-$name"* | *"hotbed-$name"*) ;;
	*) fault "hotbed.1: hotbed-$name(1) is missing" ;;
	esac
done
for page in "$folder"/hotbed-csv.5 "$folder"/hotbed-driver.7 "$folder"/hotbed-spork.1; do
	[ -s "$page" ] || fault "$page: missing"
done

if command -v mandoc >/dev/null 2>&1; then
	for page in "$folder"/*; do
		pages=$((pages + 1))
		# scdoc itself puts superfluous paragraph macros.
		complaints=$(mandoc -T lint -W warning "$page" | grep -v 'skipping paragraph macro')
		[ -z "$complaints" ] || fault "$complaints"
	done
fi
[ "$failed" -eq 0 ] || exit 1
[ "$pages" -gt 0 ] || { echo 'skip: mandoc is missing (the pages name all options)'; exit 77; }
echo "$pages pages"
