#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A line more.
sudo echo 'nameserver 10.0.0.1' >> /etc/resolv.conf #@ must-fail
