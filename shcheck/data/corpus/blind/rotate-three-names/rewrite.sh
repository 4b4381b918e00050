#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
cd /var/log || exit 1
a=app.log b=app.log.1 c=app.log.2
: > $c
mv $a $b $c  #@ must-fail
