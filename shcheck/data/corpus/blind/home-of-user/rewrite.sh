#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
home_of() {
	getent passwd "$1" | cut -d: -f6
}
h=`home_of "$1"`
userdel "$1" && rm -rf "${h}"/  #@ system-deletion
