#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Another port.
conf=/srv/app/conf
sed "s/^port=.*/port=$1/" "$conf" > "$conf.new" && mv "$conf.new" "$conf"
