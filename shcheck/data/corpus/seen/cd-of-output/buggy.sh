#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
cd "$(pkg-config --variable=plugindir app)"
rm -rf *  #@ user-deletion
