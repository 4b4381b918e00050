#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Only names of archives.
is_archive() {
	[[ "$1" = *.tar ]] #@ portability
}
is_archive "$1" && tar -xf "$1"
