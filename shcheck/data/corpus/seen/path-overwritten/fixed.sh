#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
path=/srv/data/file.txt
grep -q ready "$path"
