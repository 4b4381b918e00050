#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
ready=no
( ready=yes ) &
while [ "$ready" = no ]; do  #@ loop-forever
	sleep 1
done
