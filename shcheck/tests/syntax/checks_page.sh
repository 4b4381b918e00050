#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The page of the checks is what the program prints. Usage: checks_page.sh SHCHECK PAGE
"$1" explain --markdown | diff -u "$2" - || {
	echo "write it anew: shcheck explain --markdown >docs/reference/shcheck-checks.md"
	exit 1
}
