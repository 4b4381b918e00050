#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
notify() {
	logger -t app
}
{ date; make all; } 2>&1 > notify  #@ not-a-command
