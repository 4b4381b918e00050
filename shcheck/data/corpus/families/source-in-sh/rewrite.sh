#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Settings.
load() {
	source "$1" #@ portability
}
load /srv/app/settings
run-app
