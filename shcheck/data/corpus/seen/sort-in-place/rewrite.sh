#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
cat < /srv/names | tr a-z A-Z > /srv/names  #@ data-loss
