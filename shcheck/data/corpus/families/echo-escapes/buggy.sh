#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A list of hosts.
echo -e "alpha\nbeta" > /srv/hosts #@ portability
