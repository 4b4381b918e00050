#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
dir=$1
rm -rf "$dir"/*  #@ system-deletion
