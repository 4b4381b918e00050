#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Pull the repositories of the team and note in the list which of them are new.
cd /srv/team || exit 1
(cd repositories && git pull --quiet) || exit 1
date >pulled.txt
