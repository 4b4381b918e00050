#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
command -v wget > /dev/null || wget -q http://localhost/file  #@ not-a-command
