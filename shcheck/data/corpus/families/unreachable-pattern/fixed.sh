#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start or stop.
case $1 in
stop) echo "stopping" ;;
st*) echo "starting" ;;
*) exit 2 ;;
esac
