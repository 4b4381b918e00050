#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
test "$1"=start && echo starting  #@ constant-test
