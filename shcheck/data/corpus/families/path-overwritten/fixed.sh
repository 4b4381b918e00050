#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Where the files are.
path=/srv/files
ls "$path" | sort
