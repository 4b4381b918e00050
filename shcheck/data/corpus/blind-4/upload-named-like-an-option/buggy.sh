#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make the uploads readable and hand them over to the web server.
cd /srv/uploads || exit 1
umask 022
chmod a+r *  #@ option-injection
