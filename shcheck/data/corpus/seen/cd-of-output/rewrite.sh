#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
where=$(pkg-config --variable=plugindir app)
pushd "$where"
rm -f -r -- *  #@ user-deletion
