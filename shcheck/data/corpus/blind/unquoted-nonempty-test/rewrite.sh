#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
token=`cat /run/app/token 2> /dev/null`
test -n ${token} && curl -H "X-Token: $token" http://localhost/  #@ constant-test
