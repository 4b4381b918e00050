#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
new=/srv/app.new
rm -rf /srv/app
mv "$new" /srv/app
