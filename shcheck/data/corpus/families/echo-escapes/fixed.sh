#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A list of hosts.
printf 'alpha\nbeta\n' > /srv/hosts
