#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Release the tool when its working copy is clean and its version new.
version=$1
[ -n "$version" ] || exit 64
git diff --quiet || (echo "the working copy is not clean" >&2; exit 1)  #@ lost-status
git tag "v$version" || exit 1
git push origin "v$version"
