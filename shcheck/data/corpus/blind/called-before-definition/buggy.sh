#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
work=$(mktemp -d) || exit 1
if ! cp /etc/hosts "$work/"; then
	cleanup  #@ not-a-command
	exit 1
fi
cleanup() {
	rm -rf "$work"
}
cleanup
