#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove what an extension has put beside the program.
dir=$(app-config --extensions)
rm -rf "$dir"/* #@ system-deletion
app-config --refresh
