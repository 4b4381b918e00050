#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Install the settings of the editor for the person who calls this.
settings=${1:?usage: install-settings FILE}
[[ -f $settings ]] || exit 1
install -D -m 644 -- "$settings" "${HOME:?}/.config/editor/settings.json"
