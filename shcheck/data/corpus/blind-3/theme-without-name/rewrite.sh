#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Replace the widget of an older version of the theme.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
if ! test -r metadata.desktop; then
	echo "the theme is incomplete" >&2
	exit 1
fi

previous=''
while IFS='=' read -r key value; do
	case $key in
	X-Replaces-Path) previous=$value ;;
	esac
done < metadata.desktop

victim=~/"$previous"
echo "removing the old widget"
rm -fr -- "$victim"  #@ user-deletion
widgets=~/.local/share/plasma/plasmoids
mkdir -p -- "$widgets"
cp -R ./widget "$widgets/"
