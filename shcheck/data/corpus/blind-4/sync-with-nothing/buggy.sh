#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copy the photographs of the card reader to the store and remove there what the card has no more.
label=CAMERA
store=/srv/photographs
card=$(findmnt -n -o TARGET "LABEL=$label")
mkdir -p "$store" || exit 1
rsync -a --delete "$card/" "$store/"  #@ empty-expansion
