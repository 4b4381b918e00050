#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
wipe() {
	rm -fr -- "$1"/*  #@ system-deletion
}
wipe "$1"
