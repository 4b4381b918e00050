#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
set_aside() {
	rm -rf /srv/app.new
}
set_aside
mv /srv/app.new /srv/app  #@ must-fail
