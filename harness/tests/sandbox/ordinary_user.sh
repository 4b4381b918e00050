#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A sandbox test once more, as a user without rights: root has to be tested apart, because it is allowed more outside.
# Usage: ordinary_user.sh TEST_PROGRAM
set -u
if [ "$(id -u)" != 0 ]; then
	echo 'skip: needs root to become another user; the test itself has run as an ordinary one'
	exit 77
fi
command -v setpriv >/dev/null 2>&1 || { echo 'skip: needs setpriv'; exit 77; }
program=$(realpath "$1")
if ! setpriv --reuid 61234 --regid 61234 --clear-groups test -x "$program"; then
	echo "skip: needs a build folder that other users may read: $program"
	exit 77
fi
cd / && exec setpriv --reuid 61234 --regid 61234 --clear-groups "$program"
