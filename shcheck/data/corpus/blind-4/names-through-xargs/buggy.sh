#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the temporary files of the editors below a project.
project=${1:?usage: tidy PROJECT}
find "$project/" -type f -name '*~' | xargs rm -f  #@ word-split
echo "$project is tidy"
