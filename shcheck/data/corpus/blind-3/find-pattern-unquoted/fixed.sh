#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack all notebooks of a project, wherever they are.
project=${1:?usage: pack-notebooks PROJECT}
cd "$project" || exit 1

list=$(mktemp) || exit 1
trap 'rm -f "$list"' EXIT

find . -type f -name '*.ipynb' -print0 >"$list"
if [[ ! -s $list ]]; then
	echo "no notebooks" >&2
	exit 1
fi
tar --null -T "$list" -czf "/srv/packed/notebooks-$(date +%F).tar.gz"
