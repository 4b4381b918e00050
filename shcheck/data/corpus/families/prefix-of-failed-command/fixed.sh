#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove what an extension has put beside the program.
dir=$(app-config --extensions) || exit 1
[ -n "$dir" ] || exit 1
rm -rf "$dir"/*
app-config --refresh
