#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
main() {
	report start  #@ not-a-command
}
main
report() {
	printf '%s\n' "$1"
}
report end
