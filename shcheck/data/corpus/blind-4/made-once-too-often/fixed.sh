#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Lay out a folder for a new customer.
set -e
customer=$1
[[ $customer =~ ^[a-z]+$ ]]
base=/srv/customers/$customer
mkdir "$base"
mkdir -p "$base/contracts"
chmod 750 "$base"
echo "$base is ready"
