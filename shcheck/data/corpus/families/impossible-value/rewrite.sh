#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A mode that is given by an option.
mode=slow
case $1 in
-f) mode=fast ;;
esac
case $mode in
quick) run --quick ;; #@ dead-code
*) run ;;
esac
