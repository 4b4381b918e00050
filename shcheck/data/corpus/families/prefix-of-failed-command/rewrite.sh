#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove what an extension has put beside the program.
read -r dir < <(app-config --extensions)
set -- "$dir"/*
rm -rf "$@" #@ system-deletion
app-config --refresh
