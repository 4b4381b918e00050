#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the thumbnails of the gallery so that they are made anew.
gallery=/srv/gallery
systemctl stop gallery
rm -f "$gallery/thumbs/*.jpg"  #@ glob
systemctl start gallery
