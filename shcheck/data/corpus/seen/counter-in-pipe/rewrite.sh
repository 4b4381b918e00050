#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
( read -r lines < /etc/hosts )
echo "first: $lines"  #@ unbound
