#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Sort the list in place, and show it.
list=/srv/list
show() {
	tee /srv/list #@ data-loss
}
sort -u < "$list" | show
