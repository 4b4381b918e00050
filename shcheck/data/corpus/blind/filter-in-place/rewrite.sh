#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
dir=/etc/app
out="$dir/app.conf"
sed -e '/^#/d' < /etc/app/app.conf > "$out"  #@ data-loss
