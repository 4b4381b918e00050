#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove old locks.
rm -f /srv/app/*.lock
run-app
