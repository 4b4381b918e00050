#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
name=5
echo "$name"
