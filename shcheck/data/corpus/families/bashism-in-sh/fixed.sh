#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Only names of archives.
case $1 in
*.tar) tar -xf "$1" ;;
esac
