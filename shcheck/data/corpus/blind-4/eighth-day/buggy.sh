#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Say on which day after each delivery the invoices go out.
for day in 01 08 15 22; do
	next=$((day + 1))  #@ must-fail
	printf 'deliver on %s, invoice on %02d\n' "$day" "$next"
done
