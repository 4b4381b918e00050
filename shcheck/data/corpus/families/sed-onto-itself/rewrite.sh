#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Another port.
dir=/srv/app
cd "$dir" || exit 1
cat conf | sed "s/^port=.*/port=$1/" > "$dir/conf" #@ data-loss
