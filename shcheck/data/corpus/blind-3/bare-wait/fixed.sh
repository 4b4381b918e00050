#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Render the three languages side by side and publish them.
out=/srv/site/new
rm -rf "$out"
mkdir -p "$out" || exit 1

jobs=()
failed=0
for language in de en fr; do
	render --language "$language" --to "$out/$language" &
	jobs+=("$!")
done
for job in "${jobs[@]}"; do
	wait "$job" || failed=1
done
if [[ $failed -ne 0 ]]; then
	echo "rendering failed" >&2
	exit 1
fi

rsync -a --delete "$out/" www.example.org:/srv/www/
