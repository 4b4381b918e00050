#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The month before.
now=$(date +%Y-%m)
let before=${now#*-}-1 #@ must-fail
echo "$before"
