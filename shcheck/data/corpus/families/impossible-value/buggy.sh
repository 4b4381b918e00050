#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A mode that is given by an option.
mode=slow
[ "$1" = -f ] && mode=fast
if [ "$mode" = quick ]; then #@ constant-test
	run --quick
else
	run
fi
