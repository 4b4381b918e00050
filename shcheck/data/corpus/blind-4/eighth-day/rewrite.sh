#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Say on which day after each delivery the invoices go out.
after() {
	echo "$(( $1 + 1 ))"  #@ must-fail
}

set -- 01 08 15 22
while [ $# -gt 0 ]; do
	printf 'deliver on %s, invoice on %02d\n' "$1" "`after "$1"`"
	shift
done
