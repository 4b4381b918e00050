#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Archive the mail of last year and remove it from the server.
year=${1:?usage: archive-mail YEAR}
mail=/srv/mail/$year
tar -czf "/mnt/tape/mail-$year.tar.gz" "$mail"
rm -rf "$mail"  #@ data-loss
