#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A line more.
echo 'nameserver 10.0.0.1' | sudo tee -a /etc/resolv.conf > /dev/null
