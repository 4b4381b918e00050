#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Archive the mail of last year and remove it from the server.
year=${1:?usage: archive-mail YEAR}
mail=/srv/mail/$year
case $year in
[0-9][0-9][0-9][0-9]) ;;
*) exit 64 ;;
esac
tar -czf "/mnt/tape/mail-$year.tar.gz" "$mail" || exit 1
rm -rf "$mail"
