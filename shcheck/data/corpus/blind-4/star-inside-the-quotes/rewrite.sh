#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the thumbnails of the gallery so that they are made anew.
declare -r thumbs='/srv/gallery/thumbs/*.jpg'

systemctl stop gallery &&
	rm --force -- "$thumbs"  #@ glob
systemctl start gallery
