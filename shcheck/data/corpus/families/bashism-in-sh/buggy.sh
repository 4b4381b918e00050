#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Only names of archives.
if [[ $1 == *.tar ]]; then #@ portability
	tar -xf "$1"
fi
