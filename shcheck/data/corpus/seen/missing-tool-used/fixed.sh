#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
if command -v wget > /dev/null; then
	wget -q http://localhost/file
else
	echo "needs wget" >&2
fi
