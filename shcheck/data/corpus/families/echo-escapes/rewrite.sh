#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A list of hosts.
opt=-e
echo $opt "alpha\nbeta" > /srv/hosts #@ portability
