#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
user=$1
home=$(getent passwd "$user" | cut -d: -f6)
echo "removing $user"
userdel "$user"
rm -rf "$home/"  #@ system-deletion
rm -f "/var/spool/cron/crontabs/$user"
