#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Put the last saved settings of the printer daemon back.
set -e
conf_dir=/etc/printd
conf=$conf_dir/printd.conf
saved=$conf_dir/printd.conf.saved

if [ ! -f "$saved" ]; then
	echo "nothing was saved" >&2
	exit 1
fi

service printd stop
if [ -f "$conf" ]; then
	mv "$conf" "$conf.broken"
fi
cp -p "$saved" "$conf_dir/printd.conf.saved"  #@ must-fail
chown root:lp "$conf"
chmod 640 "$conf"
service printd start
echo "restored from $saved"
