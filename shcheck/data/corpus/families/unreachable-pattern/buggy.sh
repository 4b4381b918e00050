#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start or stop.
case $1 in
st*) echo "starting" ;;
stop) echo "stopping" ;; #@ dead-code
*) exit 2 ;;
esac
