#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Pack all notebooks of a project, wherever they are.
ending=ipynb
if [[ -z ${1-} ]]; then
	echo "usage: pack-notebooks PROJECT" >&2
	exit 64
fi
pushd "$1" || exit 1

notebooks() {
	find . -name *."$1" -type f -print0  #@ glob
}

mapfile -d '' found < <(notebooks "$ending")
(( ${#found[@]} > 0 )) || {
	echo "no notebooks" >&2
	exit 1
}
tar -czf "/srv/packed/notebooks-$(date +%F).tar.gz" -- "${found[@]}"
