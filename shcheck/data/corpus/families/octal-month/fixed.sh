#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The month before.
month=$(date +%-m)
before=$((month - 1))
echo "$before"
