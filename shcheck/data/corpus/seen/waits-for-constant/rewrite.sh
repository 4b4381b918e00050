#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
ready=no
until [ "$ready" = yes ]; do  #@ loop-forever
	sleep 1
	check=$(ready=yes; echo "$ready")
	echo "$check"
done
