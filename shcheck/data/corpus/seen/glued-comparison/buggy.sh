#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
if [ $1=start ]; then  #@ constant-test
	echo starting
fi
