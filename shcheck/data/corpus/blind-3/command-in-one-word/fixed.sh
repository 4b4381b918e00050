#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Upload the nightly builds.
server=builds.example.org
copy=(rsync -a --partial --timeout=60)
quiet=no

if [[ ${1-} == -q ]]; then
	quiet=yes
fi
if [[ $quiet == no ]]; then
	copy+=(--progress)
fi
for build in /srv/builds/*.tar.xz; do
	[[ -f $build ]] || continue
	"${copy[@]}" "$build" "$server:/incoming/"
done
