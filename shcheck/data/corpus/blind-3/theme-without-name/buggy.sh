#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Replace the widget of an older version of the theme.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
settings=$here/metadata.desktop

remove_old() {
	echo "removing the old widget"
	rm -rf "$HOME/$1"  #@ user-deletion
}

if [[ ! -r $settings ]]; then
	echo "the theme is incomplete" >&2
	exit 1
fi
old=$(sed -n 's/^X-Replaces-Path=//p' "$settings")
remove_old "$old"
mkdir -p "$HOME/.local/share/plasma/plasmoids"
cp -r "$here/widget" "$HOME/.local/share/plasma/plasmoids/"
