#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Settings.
. /srv/app/settings
run-app
