#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Install the settings of the editor for the person who calls this.
target='~/.config/editor/settings.json'
put() {
	mkdir -p "${2%/*}" && cp -- "$1" "$2"  #@ path-state
}

test -f "$1" && put "$1" "$target"
