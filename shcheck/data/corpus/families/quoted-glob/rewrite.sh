#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove old locks.
dir=/srv/app
for f in "$dir/*.lock"; do
	rm -f "$f" #@ glob
done
run-app
