#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
if command -v wget > /dev/null; then
	echo "downloading"
else
	wget -q http://localhost/file  #@ not-a-command
fi
