#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Lay out a folder for a new customer.
if [[ ! $1 =~ ^[a-z]+$ ]]; then
	exit 1
fi
cd /srv/customers || exit 1
mkdir -p "$1"/contracts || exit 1
if mkdir "$1"; then  #@ must-fail
	chmod 750 "$1"
	printf '/srv/customers/%s is ready\n' "$1"
else
	exit 1
fi
