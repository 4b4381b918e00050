#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start or stop.
action=$1
case "$action" in
[a-z]*) echo "run $action" ;;
"stop"|stopp) echo "stopping" ;; #@ dead-code
*) exit 2 ;;
esac
