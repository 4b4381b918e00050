#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Warn when the disk is nearly full.
measure() {
	df -P /srv | tail -n 1 | { read -r fs blocks taken free share where; }
}

measure
case $share in  #@ unbound
9[1-9]% | 100%) echo "the disk is full to $share" | mail -s disk root ;;
esac
