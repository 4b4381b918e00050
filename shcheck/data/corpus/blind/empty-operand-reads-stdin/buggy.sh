#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
files=$(find /var/log/app -name '*.log')
grep -c ERROR $files  #@ reads-stdin
