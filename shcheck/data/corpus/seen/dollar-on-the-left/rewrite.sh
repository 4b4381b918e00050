#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
set_it() {
	$1="$2"  #@ not-a-command
}
set_it color red
