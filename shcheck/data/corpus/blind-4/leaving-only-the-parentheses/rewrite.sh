#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Release the tool when its working copy is clean and its version new.
: "${1:?usage: release VERSION}"
clean() {
	git diff --quiet
}

if ! clean; then
	echo 'the working copy is not clean' >&2 | exit 1  #@ lost-status
fi
git tag "v$1" && git push origin "v$1"
