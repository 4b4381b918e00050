#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
cd "$(pkg-config --variable=plugindir app)" || exit 1
rm -rf ./*
