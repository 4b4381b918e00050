#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Pull the repositories of the team and note in the list which of them are new.
pull() {
	cd repositories
	git pull --quiet
}

if ! cd /srv/team; then exit 1; fi
pull
cd "$OLDPWD" || exit 1
echo "`date`" > pulled.txt  #@ path-state
