#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Settings.
source /srv/app/settings #@ portability
run-app
